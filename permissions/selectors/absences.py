"""Reads about who is out of the office."""

from django.db.models import Q, QuerySet

from accounts.contracts import Actor
from jarvis_site.kernel.clock import db_now
from permissions.models import Absence


def absences_now() -> QuerySet[Absence]:
    return Absence.objects.filter(ended_at=None, starts_at__lte=db_now(), ends_at__gt=db_now())


def absences_of(*, actor: Actor) -> QuerySet[Absence]:
    """Theirs, and those in which they stand in for somebody, that are not over; the next first."""
    concerns = Q(member_id=actor.member_id) | Q(delegate_id=actor.member_id)
    return Absence.objects.filter(concerns, ended_at=None, ends_at__gt=db_now()).order_by("starts_at", "id")
