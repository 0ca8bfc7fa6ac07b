"""Celery's door into permissions."""

from celery import shared_task

from permissions.services import consents_expire


@shared_task(name="permissions.expire")
def expire() -> None:
    consents_expire()
