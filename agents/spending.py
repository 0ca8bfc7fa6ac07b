"""Counting what is used, before it is used: a call sets aside the most that it can cost, in one transaction over all
limits that concern it, and what it did cost is counted when it is over. What a dead process has set aside counts as
used.

Rows are locked in one order everywhere (`agents.limits.caps`), so that calls wait for each other and never deadlock.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil
from typing import Any
from uuid import UUID, uuid5

from django.conf import settings
from django.db import transaction
from psycopg.types.json import Jsonb

from accounts.models import Membership
from agents.contracts import PlanRequest, ToolCall, ToolResult
from agents.contracts.limits import Charge, LimitKind, Measure, Period, Scope, Tokens
from agents.errors import LimitReached
from agents.limits import Cap, Shortage, amount, caps, overrides, period_end, period_start, run_amount
from agents.models import Reservation, Run, Spending, Step
from jarvis_site.audit import record
from jarvis_site.kernel.clock import db_now, db_time
from jarvis_site.kernel.ids import uuid7
from jarvis_site.kernel.tenancy import all_tenants, tenant
from jarvis_site.kernel.tenancy.statements import fetch, later, together

# Longer than any call: a model's longest turn, a tool's longest call. Who has not said by then what was used is dead.
HELD = timedelta(minutes=10)
BATCH = 200
# With so many steps left a process need not ask the database before each: it starts fewer in `LOOK_SECONDS`.
FAR = 10_000
LOOK_SECONDS = 5.0
MOST_LOOKS = 10_000

_KEY = "(organization_id, scope, subject_id, measure, period, starts_on)"
_ADD = f"""
    INSERT INTO agents_spending
        (id, organization_id, scope, subject_id, measure, period, starts_on, used, reserved)
    VALUES (%(id)s, %(organization)s, %(scope)s, %(subject)s, %(measure)s, %(period)s, %(starts)s, %(used)s, %(held)s)
    ON CONFLICT {_KEY} DO UPDATE
    SET used = agents_spending.used + EXCLUDED.used, reserved = agents_spending.reserved + EXCLUDED.reserved
"""  # noqa: S608 - our own text
_ADD_AND_LOOK = f"{_ADD} RETURNING id, used, reserved"
_TAKE = """
    DELETE FROM agents_reservation WHERE organization_id = %(organization)s AND id = %(id)s
    RETURNING amounts, spending_ids
"""
_MOVE = """
    UPDATE agents_spending
    SET reserved = reserved - COALESCE((%(amounts)s ->> measure)::bigint, 0),
        used = used + COALESCE((%(used)s ->> measure)::bigint, 0)
    WHERE organization_id = %(organization)s AND id = %(id)s
"""

type Amounts = Mapping[Measure, int]


# Setting aside ----------------------------------------------------------------------------------------------------


def reserve(
    *, amounts: Amounts, member_id: UUID | None, run: Run | None = None, reservation_id: UUID | None = None
) -> UUID:
    """Set the most that a call can use aside, under every limit that concerns it, or nothing at all.

    Returns:
        What `settle` or `release` wants.

    Raises:
        LimitReached: there is not so much left; nothing was set aside.
    """
    made = try_reserve(amounts=amounts, member_id=member_id, run=run, reservation_id=reservation_id)
    if isinstance(made, Shortage):
        raise LimitReached(made.sentence, retryable=made.busy)
    return made


@transaction.atomic
def try_reserve(
    *, amounts: Amounts, member_id: UUID | None, run: Run | None = None, reservation_id: UUID | None = None
) -> UUID | Shortage:
    """The same, for inside a transaction that goes on without it."""
    now = db_time()
    wanted = {measure: number for measure, number in amounts.items() if number > 0}
    held = caps(measures=wanted, member_id=member_id, run=run, now=now, found=overrides(fresh=True))
    added = _add(held, {measure: (0, number) for measure, number in wanted.items()})
    for cap, (_id, used, reserved) in zip(held, added, strict=True):
        if cap.most is not None and used + reserved > cap.most:
            _add_later(held, {measure: (0, -number) for measure, number in wanted.items()})
            fits = used + wanted[cap.kind.measure] <= cap.most
            return Shortage(cap.kind, cap.most, used, busy=fits, opens_at=period_end(cap.kind.period, now))
    made = Reservation.objects.create(
        id=reservation_id or uuid7(),
        run_id=run.id if run else None,
        amounts={measure.value: number for measure, number in wanted.items()},
        spending_ids=[str(row[0]) for row in added],
        expires_at=db_now(plus=HELD),
    )
    return made.id


@transaction.atomic
def settle(reservation_id: UUID, *, used: Amounts) -> None:
    """Count what a call has used: at most what was set aside for it. Repeating this, or coming too late, changes
    nothing."""
    for amounts, spending_ids in _taken(reservation_id):
        counted = {name: min(max(used.get(Measure(name), 0), 0), number) for name, number in amounts.items()}
        _move(spending_ids, amounts, counted)


def release(reservation_id: UUID) -> None:
    """The call was not made."""
    settle(reservation_id, used={})


def expire() -> int:
    """Count as used what nobody has settled in time. Returns how many reservations that were."""
    with all_tenants():
        due = Reservation.objects.filter(expires_at__lte=db_now()).values_list("id", "organization_id")
        late = list(due.order_by("expires_at")[:BATCH])
    for reservation_id, organization_id in late:
        with tenant(organization_id), transaction.atomic():
            _count_whole(reservation_id)
    return len(late)


def _count_whole(reservation_id: UUID) -> None:
    for amounts, spending_ids in _taken(reservation_id):
        _move(spending_ids, amounts, amounts)


def _taken(reservation_id: UUID) -> list[tuple[dict[str, int], list[str]]]:
    return [(json.loads(amounts), json.loads(ids)) for amounts, ids in fetch(_TAKE, id=reservation_id)]


def _move(spending_ids: Sequence[str], amounts: Mapping[str, int], used: Mapping[str, int]) -> None:
    for spending_id in spending_ids:
        later(_MOVE, id=UUID(spending_id), amounts=Jsonb(dict(amounts)), used=Jsonb(dict(used)))


def _add(held: Sequence[Cap], amounts: Mapping[Measure, tuple[int, int]]) -> list[tuple[UUID, int, int]]:
    """Add to what is used and what is set aside. Returns id, used and set aside as they are now, locked till the end of
    the transaction."""
    rows = together(*((_ADD_AND_LOOK, _row(cap, *amounts[cap.kind.measure])) for cap in held)) if held else []
    return [(row[0][0], row[0][1], row[0][2]) for row in rows]


def _add_later(held: Sequence[Cap], amounts: Mapping[Measure, tuple[int, int]]) -> None:
    for cap in held:
        later(_ADD, **_row(cap, *amounts[cap.kind.measure]))


def _row(cap: Cap, used: int, held: int) -> dict[str, Any]:
    kind = cap.kind
    named = {"scope": kind.scope.value, "measure": kind.measure.value, "period": kind.period.value}
    return {"id": uuid7(), "subject": cap.subject_id, "starts": cap.starts_on, "used": used, "held": held, **named}


# Models -----------------------------------------------------------------------------------------------------------

# What was used to answer a member's words, before there is a run that it can be counted for.
_unassigned: ContextVar[tuple[UUID | None, dict[Measure, int]] | None] = ContextVar("unassigned", default=None)


@contextmanager
def model_call(request: PlanRequest, most: Tokens) -> Iterator[Charge]:
    """A `Meter`: sets aside what one exchange with the model can use at most, and counts what it did.

    Raises:
        LimitReached: the model must not be asked.
    """
    run = Run.objects.filter(id=request.current.run_id).first() if request.current else None
    member_id = run.member_id if run else _member_at(request.person.email)
    reservation_id = reserve(amounts=_priced(most), member_id=member_id, run=run)
    charge = Charge()
    try:
        yield charge
    finally:
        used = _priced(_at_most(charge.used, most))
        with transaction.atomic():
            settle(reservation_id, used=used)
            _record(charge, run)
        if run is None:
            before = _of(member_id)
            _unassigned.set((member_id, {one: number + before.get(one, 0) for one, number in used.items()}))


def _record(charge: Charge, run: Run | None) -> None:
    """Digests and numbers: what was said to the model and what it said stand nowhere in the record."""
    if charge.used is None:
        return
    tokens = {"prompt_tokens": charge.used.prompt, "answer_tokens": charge.used.answer}
    details = {"request": charge.request, "answer": charge.answer, **tokens}
    record(action="model.called", resource=f"model:{charge.model}", run_id=run.id if run else None, details=details)


def words_begin() -> None:
    """Somebody's words are about to be answered."""
    _unassigned.set(None)


@transaction.atomic
def assign(run: Run) -> None:
    """What was used to make the plan belongs to the run that it became; its person has been charged already."""
    used = {measure: number for measure, number in _of(run.member_id).items() if number}
    _unassigned.set(None)
    if used:
        held = caps(measures=used, member_id=run.member_id, run=run, now=run.created_at, found={})
        own = [cap for cap in held if cap.kind.scope is Scope.RUN]
        _add_later(own, {measure: (number, 0) for measure, number in used.items()})


def _of(member_id: UUID | None) -> dict[Measure, int]:
    """What is unassigned of this member; what somebody else's words have used is not theirs."""
    whose, used = _unassigned.get() or (None, {})
    return used if whose == member_id else {}


def _member_at(address: str) -> UUID | None:
    """Who asks; None outside of an organization's members, for example in a program of the site's own."""
    found = Membership.objects.filter(left_at=None, user__email__iexact=address)
    return found.values_list("id", flat=True).first()


def _at_most(used: Tokens | None, most: Tokens) -> Tokens:
    """A server may say anything: more than was set aside is never counted."""
    if used is None:
        return Tokens(0, 0)
    return Tokens(min(used.prompt, most.prompt), min(used.answer, most.answer))


def _priced(tokens: Tokens) -> dict[Measure, int]:
    # A price of a dollar for a million tokens is a millionth of a dollar for one.
    cost = tokens.prompt * settings.MODEL_PRICE_INPUT + tokens.answer * settings.MODEL_PRICE_OUTPUT
    return {Measure.TOKENS: tokens.prompt + tokens.answer, Measure.MONEY: ceil(cost)}


# Steps ------------------------------------------------------------------------------------------------------------

_RUN_STEPS = LimitKind(Scope.RUN, Measure.STEPS, Period.RUN)
_DAY_STEPS = (
    LimitKind(Scope.PERSON, Measure.STEPS, Period.DAY),
    LimitKind(Scope.ORGANIZATION, Measure.STEPS, Period.DAY),
)


def step_shortage(*, run: Run, step: Step, cost: int) -> Shortage | None:
    """Count a step that is about to call a tool, and set aside what it costs. None when it may go ahead.

    Call it last at the gate, in the transaction that starts the step: it is counted if and only if the step starts.
    A step counts at its first try. Costs nothing while no limit is near: see `FAR`.
    """
    reservation_id = _of_call(run.id, step.idempotency_key)
    if cost:
        _count_whole(reservation_id)  # of a try whose worker died: perhaps it had its effect
        made = try_reserve(
            amounts={Measure.MONEY: cost}, member_id=run.member_id, run=run, reservation_id=reservation_id
        )
        if isinstance(made, Shortage):
            return made
    shortage = (_over_in_run(run) or _over_today(run)) if step.attempt == 1 else None
    if shortage is not None and cost:
        release(reservation_id)
    return shortage


def call_settle(*, run: Run, call: ToolCall, cost: int, result: ToolResult) -> None:
    """A call that failed costs nothing; of one that may have happened the price is counted."""
    if cost:
        happened = result.failure is None or result.failure.outcome_unknown
        settle(_of_call(run.id, call.idempotency_key), used={Measure.MONEY: cost if happened else 0})


def _of_call(run_id: UUID, idempotency_key: str) -> UUID:
    """The reservation of a step's call, the same for all its tries."""
    return uuid5(run_id, idempotency_key)


def _over_in_run(run: Run) -> Shortage | None:
    """Exact without a counter: the run's row is locked."""
    most = run_amount(_RUN_STEPS, run, overrides())
    if most is None or run.last_number < most:  # each step that has started has written an event
        return None
    begun = Step.objects.filter(run=run, attempt__gt=0).count()
    most = run_amount(_RUN_STEPS, run, overrides(fresh=True))  # an administrator may just have allowed more
    if most is None or begun < most:
        return None
    return Shortage(_RUN_STEPS, most, begun, busy=False, opens_at=None)


def _over_today(run: Run) -> Shortage | None:
    found = overrides()
    limited = [kind for kind in _DAY_STEPS if amount(kind, member_id=run.member_id, found=found) is not None]
    if not limited:
        return None
    look = _looks.get((run.organization_id, run.member_id))
    if look is not None and look.until > time.monotonic():
        _add_later(look.held, {Measure.STEPS: (1, 0)})
        return None
    return _count_exactly(run, limited)


def _count_exactly(run: Run, limited: Sequence[LimitKind]) -> Shortage | None:
    now, found = db_time(), overrides(fresh=True)
    every = caps(measures=[Measure.STEPS], member_id=run.member_id, run=None, now=now, found=found)
    held = [cap for cap in every if cap.kind in limited]
    added = _add(held, {Measure.STEPS: (1, 0)})
    left = FAR + 1
    for cap, (_id, used, _reserved) in zip(held, added, strict=True):
        if cap.most is None:
            continue
        if used > cap.most:
            _add_later(held, {Measure.STEPS: (-1, 0)})
            return Shortage(cap.kind, cap.most, used - 1, busy=False, opens_at=period_end(cap.kind.period, now))
        left = min(left, cap.most - used)
    if left > FAR and period_start(Period.DAY, now + timedelta(seconds=LOOK_SECONDS)) == held[0].starts_on:
        _remember(run, held)
    return None


@dataclass(frozen=True, slots=True)
class _Look:
    """Steps are far from every limit until then."""

    until: float
    held: Sequence[Cap]


_looks: dict[tuple[UUID, UUID], _Look] = {}


def _remember(run: Run, held: Sequence[Cap]) -> None:
    if len(_looks) >= MOST_LOOKS:
        _looks.clear()
    _looks[run.organization_id, run.member_id] = _Look(time.monotonic() + LOOK_SECONDS, held)


# Reading ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Used:
    """Of one kind by one subject."""

    used: int
    reserved: int


def used_of(*, subject_ids: Sequence[UUID], starts_on: Sequence[date] = ()) -> dict[tuple[UUID, str, str], Used]:
    """What these have used, by subject, measure and period.

    Args:
        starts_on: first days of the periods that are meant; all when there are none.
    """
    rows = Spending.objects.filter(subject_id__in=subject_ids)
    if starts_on:
        rows = rows.filter(starts_on__in=starts_on)
    return {(row.subject_id, row.measure, row.period): Used(row.used, row.reserved) for row in rows}
