"""Reads of notifications."""

from uuid import UUID

from django.db.models import QuerySet

from accounts import access
from accounts.contracts import Actor
from notifications.contracts import MATTERS, NEEDS, How, Matter
from notifications.models import Notification, Preference


def notifications_list(*, actor: Actor) -> QuerySet[Notification]:
    """The person's notifications, the newest first."""
    return Notification.objects.filter(member_id=actor.member_id).order_by("-created_at")


def unread_count(*, actor: Actor) -> int:
    return Notification.objects.filter(member_id=actor.member_id, read_at__isnull=True).count()


def how_told(*, member_id: UUID, matter: Matter) -> How:
    found = Preference.objects.filter(member_id=member_id, matter=matter).values_list("how", flat=True).first()
    return How(found) if found else How.BELL


def preferences_of(*, actor: Actor) -> dict[Matter, How]:
    """How the person is told about each matter that can concern them."""
    chosen = dict(Preference.objects.filter(member_id=actor.member_id).values_list("matter", "how"))
    concerning = [matter for matter in MATTERS if matter not in NEEDS or access.may(actor, NEEDS[matter])]
    return {matter: How(chosen.get(matter, How.BELL)) for matter in concerning}
