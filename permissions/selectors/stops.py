"""Reads of panic stops."""

from uuid import UUID

from django.db.models import QuerySet

from permissions.contracts import StopKind
from permissions.models import Stop


def stops_everywhere() -> frozenset[tuple[UUID, str, UUID]]:
    """Organization, kind and target of every stop that holds, in the scope of the caller."""
    return frozenset(Stop.objects.filter(lifted_at=None).values_list("organization_id", "kind", "target"))


def stops_holding() -> QuerySet[Stop]:
    return Stop.objects.filter(lifted_at=None).order_by("-stopped_at")


def stops_lifted() -> QuerySet[Stop]:
    return Stop.objects.exclude(lifted_at=None).order_by("-stopped_at")


def stop_of(*, kind: StopKind, target: UUID) -> Stop | None:
    """The stop that holds for exactly this."""
    return stops_holding().filter(kind=kind, target=target).first()
