"""Reads of the diary."""

from django.db.models import QuerySet

from accounts.contracts import Actor
from activities.models import Activity


def activities_list(*, actor: Actor) -> QuerySet[Activity]:
    """What was done for the person, the newest first."""
    return Activity.objects.filter(member_id=actor.member_id).order_by("-at", "-id")
