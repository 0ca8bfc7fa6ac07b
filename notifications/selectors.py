"""Reads of notifications."""

from django.db.models import QuerySet

from accounts.contracts import Actor
from notifications.models import Notification


def notifications_list(*, actor: Actor) -> QuerySet[Notification]:
    """The person's notifications, the newest first."""
    return Notification.objects.filter(member_id=actor.member_id).order_by("-created_at")


def unread_count(*, actor: Actor) -> int:
    return Notification.objects.filter(member_id=actor.member_id, read_at__isnull=True).count()
