"""Which limits hold: the site's usual ones, what an organization's administrators have set instead, and the run's own.

All limits that concern a call hold at once, so the strictest decides. Of one kind of limit a person's own comes before
the one for every person, and both before the site's usual.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Expression
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from agents.contracts.flow import MAX_DEPTH
from agents.contracts.limits import LIMIT_KINDS, LimitKind, Measure, Period, Scope
from agents.models import Limit, Run
from jarvis_site.kernel.clock import db_now, db_time
from jarvis_site.kernel.tenancy import current_organization

# Steps look at limits each time; another process learns of a change after so long.
KEPT_SECONDS = 5.0
# What is set aside for a call under way is free again within a minute or so.
BUSY_SECONDS = 5.0
# Where no period ends only an administrator helps, or an operator by the site's settings, of which nobody tells a step.
AGAIN_SECONDS = 86_400.0
# Organizations whose limits a process remembers.
MOST_KEPT = 10_000
MILLION = 1_000_000
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400

type Overrides = Mapping[tuple[LimitKind, UUID | None], int]


@dataclass(frozen=True, slots=True)
class Cap:
    """A limit as it concerns one call.

    Attributes:
        most: None when it is only counted.
    """

    kind: LimitKind
    subject_id: UUID
    starts_on: date
    most: int | None


@dataclass(frozen=True, slots=True)
class Shortage:
    """A limit that does not allow a call.

    Attributes:
        used: so far, without what is set aside.
        busy: it would be allowed if calls under way use less than what was set aside for them.
        opens_at: when the next period begins; None when only another limit helps.
    """

    kind: LimitKind
    most: int
    used: int
    busy: bool
    opens_at: datetime | None

    @property
    def sentence(self) -> str:
        """For the person whose call it is."""
        amount = amount_in_words(self.kind.measure, self.most)
        if self.busy:
            return _("What is left of %(amount)s is set aside for work under way. Please try again in a minute.") % {
                "amount": amount
            }
        return _sentences()[self.kind.scope] % {"amount": amount, "period": _period(self.kind.period), "on": self._on}

    @property
    def seconds(self) -> float:
        """How long a step waits before it looks again; it is woken when an administrator changes a limit."""
        if self.busy:
            return BUSY_SECONDS
        return max((self.opens_at - db_time()).total_seconds(), 1.0) if self.opens_at else AGAIN_SECONDS

    @property
    def _on(self) -> str:
        if self.opens_at is None:
            return _("It goes on when an administrator allows more.")
        day = date_format(self.opens_at, "j F")
        return _("It goes on on %(day)s, or when an administrator allows more.") % {"day": day}


def overrides(*, fresh: bool = False) -> Overrides:
    """What administrators of the current organization have set, by kind and member; None for every one of them.

    Args:
        fresh: ask the database, whatever this process remembers.
    """
    organization_id = current_organization()
    kept = _kept.get(organization_id)
    if kept is not None and not fresh and kept[0] > time.monotonic():
        return kept[1]
    if len(_kept) >= MOST_KEPT:
        _kept.clear()
    rows = Limit.objects.values_list("scope", "measure", "period", "member_id", "amount")
    known = {(kind.scope.value, kind.measure.value, kind.period.value): kind for kind in LIMIT_KINDS}
    found: Overrides = {(known[row[:3]], row[3]): row[4] for row in rows if row[:3] in known}
    _kept[organization_id] = (time.monotonic() + KEPT_SECONDS, found)
    return found


def forget() -> None:
    """The limits of the current organization have changed."""
    _kept.pop(current_organization(), None)


_kept: dict[UUID, tuple[float, Overrides]] = {}


def usual(kind: LimitKind) -> int | None:
    """The site's; None when it sets none."""
    return settings.LIMITS.get(kind.name) or None


def amount(kind: LimitKind, *, member_id: UUID | None, found: Overrides) -> int | None:
    """What holds for a member, or for every one; None when there is no limit."""
    for key in ((kind, member_id), (kind, None)):
        if key in found:
            return found[key]
    return usual(kind)


def run_amount(kind: LimitKind, run: Run, found: Overrides) -> int | None:
    """What holds for a run, which may have less than others."""
    held = [amount(kind, member_id=run.member_id, found=found), run.limits.get(kind.measure.value)]
    return min((one for one in held if one is not None), default=None)


def caps(
    *, measures: Iterable[Measure], member_id: UUID | None, run: Run | None, now: datetime, found: Overrides
) -> list[Cap]:
    """The limits that concern a call, in the order in which their rows are to be locked."""
    wanted, subjects = set(measures), _subjects(member_id, run)
    made = []
    for kind in LIMIT_KINDS:
        if kind.measure not in wanted or kind.scope not in subjects:
            continue
        own = run is not None and kind.scope is Scope.RUN
        most = run_amount(kind, run, found) if own and run else amount(kind, member_id=member_id, found=found)
        at = run.created_at if own and run else now
        made.append(Cap(kind, subjects[kind.scope], period_start(kind.period, at), most))
    return sorted(made, key=lambda cap: (_ORDER.index(cap.kind.scope), cap.kind.measure, cap.kind.period))


_ORDER = tuple(Scope)
_SECONDS = LimitKind(Scope.RUN, Measure.SECONDS, Period.RUN)
_DEPTH = LimitKind(Scope.RUN, Measure.DEPTH, Period.RUN)


def work_seconds(run: Run, *, fresh: bool = False) -> int | None:
    """How long a run may work; None without a limit."""
    return run_amount(_SECONDS, run, overrides(fresh=fresh))


def deepest(run: Run) -> int:
    """How many runs may stand above one that this run starts."""
    most = run_amount(_DEPTH, run, overrides())
    return MAX_DEPTH if most is None else min(most, MAX_DEPTH)


def first_deadline(*, member_id: UUID) -> Expression | None:
    """When a run that starts now would have worked as long as it may without any wait; see `agents.deadlines`."""
    seconds = amount(_SECONDS, member_id=member_id, found=overrides())
    return None if seconds is None else db_now(plus=timedelta(seconds=seconds))


def _subjects(member_id: UUID | None, run: Run | None) -> dict[Scope, UUID]:
    found = {Scope.ORGANIZATION: current_organization()}
    if member_id is not None:
        found[Scope.PERSON] = member_id
    if run is not None:
        found[Scope.RUN] = run.id
    return found


def period_start(period: Period, at: datetime) -> date:
    """First day of the period; of a run's the day it was started."""
    day = at.astimezone(UTC).date()
    return day.replace(day=1) if period is Period.MONTH else day


def period_end(period: Period, at: datetime) -> datetime | None:
    """When the next one begins."""
    if period is Period.RUN:
        return None
    start = period_start(period, at)
    following = start + timedelta(days=1)
    if period is Period.MONTH:
        following = (start + timedelta(days=31)).replace(day=1)
    return datetime(following.year, following.month, following.day, tzinfo=UTC)


# In words ---------------------------------------------------------------------------------------------------------


def amount_in_words(measure: Measure, number: int) -> str:
    """`2 million tokens`, `$1.50`, `3 hours`."""
    if measure is Measure.MONEY:
        return f"${number_format(number / MILLION, decimal_pos=2, force_grouping=True)}"
    if measure is Measure.SECONDS:
        return _duration(number)
    shown = _shown(number)
    if measure is Measure.TOKENS:
        return ngettext("%(n)s token", "%(n)s tokens", number) % {"n": shown}
    if measure is Measure.DEPTH:
        return ngettext("%(n)s level", "%(n)s levels", number) % {"n": shown}
    return ngettext("%(n)s step", "%(n)s steps", number) % {"n": shown}


def _shown(number: int) -> str:
    if number and number % (MILLION // 10) == 0 and number >= MILLION:
        return _("%(n)s million") % {
            "n": number_format(number / MILLION, decimal_pos=0 if number % MILLION == 0 else 1)
        }
    return number_format(number, force_grouping=True)


def _duration(seconds: int) -> str:
    for size, one, many in (
        (_DAY, "%(n)d day", "%(n)d days"),
        (_HOUR, "%(n)d hour", "%(n)d hours"),
        (_MINUTE, "%(n)d minute", "%(n)d minutes"),
    ):
        if seconds >= size and seconds % size == 0:
            return ngettext(one, many, seconds // size) % {"n": seconds // size}
    return ngettext("%(n)d second", "%(n)d seconds", seconds) % {"n": seconds}


def _period(period: Period) -> str:
    return {Period.RUN: "", Period.DAY: _("for today"), Period.MONTH: _("for this month")}[period]


def _sentences() -> Mapping[Scope, str]:
    return {
        Scope.RUN: _("This run has used its %(amount)s. %(on)s"),
        Scope.PERSON: _("You have used your %(amount)s %(period)s. %(on)s"),
        Scope.ORGANIZATION: _("Your organization has used its %(amount)s %(period)s. %(on)s"),
    }


def kinds_of(scope: Scope) -> Sequence[LimitKind]:
    return [kind for kind in LIMIT_KINDS if kind.scope is scope]
