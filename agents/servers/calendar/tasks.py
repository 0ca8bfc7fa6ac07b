"""Celery's door: the tick that rings reminders."""

from celery import shared_task

from agents.servers.calendar.services import reminders_ring


@shared_task(name="calendar.ring", ignore_result=True)
def ring() -> None:
    """Called by beat every few seconds; see `reminders_ring`."""
    reminders_ring()
