"""Reads about exports, erasures and periods."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from accounts import access
from accounts.contracts import Actor, JobState
from accounts.models import DataExport, Membership, Retention
from accounts.models.data_rights import Erasure
from jarvis_site.kernel.clock import db_now, db_time
from jarvis_site.kernel.data_rights import Kind, Label, kinds, kinds_with_period
from jarvis_site.kernel.errors import NotFound
from jarvis_site.kernel.tenancy import signed_in

UNFINISHED = (JobState.WAITING, JobState.RUNNING)


@dataclass(frozen=True, slots=True)
class Period:
    """How long a kind is kept. `days` is None for as long as nobody deletes it."""

    kind: str
    label: Label
    days: int | None


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a period would delete."""

    kind: str
    label: Label
    days: int
    before: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Held:
    """A kind of which something is there about a person."""

    label: Label
    on_erasure: Label
    count: int


def export_may(actor: Actor, about_id: UUID | None) -> bool:
    """Whether the actor may have a copy of that: of one's own everybody may; None is the whole organization."""
    return about_id == actor.member_id or access.may(actor, access.DATA_EXPORT)


def exports_list(*, actor: Actor) -> list[DataExport]:
    """The actor's copies that are being made or can be fetched, and what failed lately, the newest first."""
    mine = DataExport.objects.filter(requested_by_id=actor.member_id).exclude(expires_at__lte=db_now())
    rows = mine.select_related("about__user").order_by("-created_at")
    return [row for row in rows if export_may(actor, row.about_id)]


def export_get(*, actor: Actor, export_id: UUID) -> DataExport:
    """A copy that can be fetched.

    Raises:
        NotFound: there is none, it is not ready or no longer there, or it was made for somebody else.
        MayNot: the actor has asked for it and may not any more.
    """
    mine = DataExport.objects.filter(requested_by_id=actor.member_id, state=JobState.DONE, expires_at__gt=db_now())
    export = mine.filter(id=export_id).first()
    if export is None:
        raise NotFound
    if not export_may(actor, export.about_id):
        access.require(actor, access.DATA_EXPORT)
    return export


def erasures_list() -> list[Erasure]:
    """All of the organization, the newest first. They name nobody but who asked."""
    return list(Erasure.objects.select_related("requested_by__user").order_by("-created_at"))


def erasure_get(*, member_id: UUID) -> Erasure:
    """Raises `NotFound` when nobody has asked for it."""
    found = Erasure.objects.filter(member_id=member_id).first()
    if found is None:
        raise NotFound
    return found


def people_list() -> list[Membership]:
    """Members present and former, without those who were erased, by name."""
    erased = Erasure.objects.values("member_id")
    return list(_people().exclude(id__in=erased).order_by("left_at", "user__name"))


def person_get(*, member_id: UUID) -> Membership:
    """A member, present or former, who was not erased. Raises `NotFound`."""
    found = _people().filter(id=member_id).first()
    if found is None or Erasure.objects.filter(member_id=member_id).exists():
        raise NotFound
    return found


def held_about(*, member_id: UUID) -> list[Held]:
    """What there is about a person and what becomes of it; kinds without anything about a person come last."""
    found = [_held(kind, member_id) for kind in reversed(kinds())]
    return sorted(found, key=lambda held: not held.count)


def _held(kind: Kind, member_id: UUID) -> Held:
    main = next((table for table in kind.tables if table.person and table.exported), None)
    count = main.rows(member_id).count() if main else 0
    return Held(label=kind.label, on_erasure=kind.on_erasure, count=count)


def periods_list() -> list[Period]:
    days = dict(Retention.objects.values_list("kind", "days"))
    return [Period(kind.name, kind.label, days.get(kind.name)) for kind in kinds_with_period().values()]


def outlook(*, periods: dict[str, int | None]) -> list[Outlook]:
    """Count what these periods would delete now."""
    now = db_time()
    wanted = ((kind, days) for name, kind in kinds_with_period().items() if (days := periods.get(name)))
    return [_outlook(kind, days, now) for kind, days in wanted]


def _outlook(kind: Kind, days: int, now: datetime) -> Outlook:
    before = now - timedelta(days=days)
    count = kind.overdue(before).count() if kind.overdue else 0
    return Outlook(kind=kind.name, label=kind.label, days=days, before=before, count=count)


def belongs_anywhere(*, account_id: UUID) -> bool:
    """Whether an account is a member of some organization, a suspended one too. The database answers with memberships
    of that account only (the policy's `user_id = app_user()`), whatever organization they are in."""
    with signed_in(account_id), connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM accounts_membership WHERE user_id = app_user() AND left_at IS NULL LIMIT 1")
        return cursor.fetchone() is not None


def _people() -> QuerySet[Membership]:
    """Service accounts hold nothing of a person's."""
    return Membership.objects.select_related("user").filter(user__is_service=False)
