"""What calls set aside and use: never more than a limit allows, whoever calls at the same time and whoever dies."""

import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import connections

from agents import spending
from agents.contracts.limits import LIMIT_KINDS, LimitKind, Measure, Period, Scope
from agents.errors import LimitReached
from agents.limits import amount_in_words, overrides, period_end, period_start
from agents.models import Limit, Reservation, Run, Spending
from agents.services.limits import limit_set
from agents.spending import expire, release, reserve, settle
from jarvis_site.kernel.tenancy import tenant
from tests.agents.plans import reading, start
from tests.cast import Cast, Person

pytestmark = pytest.mark.django_db(transaction=True)

CALLS = 200
EACH = 7
MOST = 1000  # 142 calls of 7 fit
AT_ONCE = 24  # sessions of the database that a test may have
TODAY_TOKENS = LimitKind(Scope.PERSON, Measure.TOKENS, Period.DAY)
MONTH_TOKENS = LimitKind(Scope.ORGANIZATION, Measure.TOKENS, Period.MONTH)
RUN_TOKENS = LimitKind(Scope.RUN, Measure.TOKENS, Period.RUN)


def allow(cast: Cast, kind: LimitKind, amount: int, *, person: Person | None = None) -> None:
    with inside(cast.maya):
        member_id = person.membership.id if person else None
        limit_set(actor=cast.maya.actor, kind=kind, amount=amount, reason="a test", member_id=member_id)


@contextmanager
def inside(person: Person) -> Iterator[None]:
    with tenant(person.organization.id, member=person.membership.id):
        yield


def take(person: Person, tokens: int = EACH, *, run: Run | None = None) -> UUID | None:
    """None when there was not so much left."""
    with inside(person):
        try:
            return reserve(amounts={Measure.TOKENS: tokens}, member_id=person.membership.id, run=run)
        except LimitReached:
            return None


def sums(person: Person, kind: LimitKind) -> tuple[int, int]:
    """What is used and what is set aside."""
    with inside(person):
        rows = Spending.objects.filter(scope=kind.scope, measure=kind.measure, period=kind.period)
        return sum(row.used for row in rows), sum(row.reserved for row in rows)


# At the same time -------------------------------------------------------------------------------------------------


def test_two_hundred_calls_at_once_never_set_aside_more_than_is_left(cast: Cast) -> None:
    allow(cast, MONTH_TOKENS, MOST)

    def call(_number: int) -> UUID | None:
        try:
            return take(cast.maya)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        made = [one for one in pool.map(call, range(CALLS)) if one is not None]

    assert len(made) == MOST // EACH
    assert sums(cast.maya, MONTH_TOKENS) == (0, MOST // EACH * EACH)
    with inside(cast.maya):
        assert Reservation.objects.count() == len(made)


def test_calls_that_settle_meanwhile_make_room_and_the_sum_is_exact(cast: Cast) -> None:
    allow(cast, MONTH_TOKENS, MOST)

    def call(_number: int) -> int:
        try:
            made = take(cast.maya, 100)
            if made is None:
                return 0
            with inside(cast.maya):
                settle(made, used={Measure.TOKENS: EACH})
            return EACH
        finally:
            connections.close_all()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        used = sum(pool.map(call, range(CALLS)))

    assert 0 < used <= MOST
    assert sums(cast.maya, MONTH_TOKENS) == (used, 0)


def test_two_processes_together_take_no_more_than_is_left(cast: Cast, child_environment: Mapping[str, str]) -> None:
    allow(cast, MONTH_TOKENS, MOST)
    program = textwrap.dedent(f"""
        import django
        django.setup()
        from uuid import UUID
        from agents.contracts.limits import Measure
        from agents.errors import LimitReached
        from agents.spending import reserve
        from jarvis_site.kernel.tenancy import tenant
        made = 0
        for _ in range({CALLS // 2}):
            with tenant(UUID("{cast.halden.id}")):
                try:
                    reserve(amounts={{Measure.TOKENS: {EACH}}}, member_id=UUID("{cast.maya.membership.id}"))
                    made += 1
                except LimitReached:
                    pass
        print(made)
    """)
    command = [sys.executable, "-c", program]
    environment = {**child_environment, "DJANGO_SETTINGS_MODULE": "jarvis_site.settings"}
    children = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    made = [int(child.communicate(timeout=60)[0]) for child in children]

    assert sum(made) == MOST // EACH
    assert all(made)
    assert sums(cast.maya, MONTH_TOKENS) == (0, MOST // EACH * EACH)


# Using and dying --------------------------------------------------------------------------------------------------


def test_what_was_used_is_counted_and_the_rest_is_free_again(cast: Cast) -> None:
    allow(cast, MONTH_TOKENS, 100)
    made = take(cast.maya, 90)
    assert made is not None
    assert take(cast.maya, 20) is None
    with inside(cast.maya):
        settle(made, used={Measure.TOKENS: 30})
        settle(made, used={Measure.TOKENS: 30})
    assert sums(cast.maya, MONTH_TOKENS) == (30, 0)
    assert take(cast.maya, 70) is not None


def test_a_call_that_was_not_made_costs_nothing(cast: Cast) -> None:
    made = take(cast.maya, 90)
    assert made is not None
    with inside(cast.maya):
        release(made)
    assert sums(cast.maya, MONTH_TOKENS) == (0, 0)


@pytest.mark.parametrize(("said", "counted"), [(-5, 0), (10**30, 90), (90, 90)])
def test_nobody_can_give_back_or_use_more_than_was_set_aside(cast: Cast, said: int, counted: int) -> None:
    made = take(cast.maya, 90)
    assert made is not None
    with inside(cast.maya):
        settle(made, used={Measure.TOKENS: said})
    assert sums(cast.maya, MONTH_TOKENS) == (counted, 0)


def test_what_a_dead_process_has_set_aside_counts_as_used_after_its_time(cast: Cast) -> None:
    made = take(cast.maya, 90)
    assert made is not None
    assert expire() == 0
    with inside(cast.maya):
        Reservation.objects.update(expires_at=datetime.now(UTC) - timedelta(hours=1))
    assert expire() == 1
    assert sums(cast.maya, MONTH_TOKENS) == (90, 0)
    with inside(cast.maya):
        settle(made, used={Measure.TOKENS: 5})  # not dead after all, but too late
    assert sums(cast.maya, MONTH_TOKENS) == (90, 0)


def test_a_crash_within_the_transaction_leaves_nothing_set_aside(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_fields: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(Reservation.objects, "create", broken)
    with pytest.raises(ConnectionError):
        take(cast.maya)
    monkeypatch.undo()
    assert sums(cast.maya, MONTH_TOKENS) == (0, 0)


# Which limit ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strictest", [TODAY_TOKENS, MONTH_TOKENS, RUN_TOKENS], ids=lambda kind: kind.name)
def test_of_several_limits_the_strictest_decides_and_the_others_stay_untouched(
    cast: Cast, strictest: LimitKind
) -> None:
    run = start(cast.maya, reading())
    for kind in (TODAY_TOKENS, MONTH_TOKENS, RUN_TOKENS):
        allow(cast, kind, 10 if kind == strictest else 1000)
    assert take(cast.maya, 11, run=run) is None
    assert [sums(cast.maya, kind) for kind in (TODAY_TOKENS, MONTH_TOKENS, RUN_TOKENS)] == [(0, 0)] * 3
    assert take(cast.maya, 10, run=run) is not None


def test_a_persons_limit_leaves_others_alone(cast: Cast) -> None:
    allow(cast, TODAY_TOKENS, 10, person=cast.priya)
    assert take(cast.priya, 11) is None
    assert take(cast.maya, 11) is not None
    assert take(cast.priya, 10) is not None


def test_a_persons_own_limit_comes_before_the_one_for_everybody(cast: Cast) -> None:
    allow(cast, TODAY_TOKENS, 10)
    allow(cast, TODAY_TOKENS, 100, person=cast.priya)
    assert take(cast.maya, 50) is None
    assert take(cast.priya, 50) is not None


def test_a_run_may_have_less_than_others(cast: Cast) -> None:
    run = start(cast.maya, reading())
    run.limits |= {"tokens": 5}
    assert take(cast.maya, 6, run=run) is None
    assert take(cast.maya, 5, run=run) is not None


def test_one_organization_never_uses_up_what_another_has(cast: Cast) -> None:
    allow(cast, MONTH_TOKENS, 10)
    assert take(cast.maya, 10) is not None
    assert take(cast.maya, 1) is None
    assert take(cast.ines, 10) is not None


def test_a_limit_of_nothing_allows_nothing(cast: Cast) -> None:
    allow(cast, MONTH_TOKENS, 0)
    assert take(cast.maya, 1) is None


def test_a_row_of_a_kind_that_this_version_does_not_know_changes_nothing(cast: Cast) -> None:
    with inside(cast.maya):
        Limit.objects.create(scope="planet", measure="tokens", period="month", amount=0)
        assert overrides(fresh=True) == {}
    assert take(cast.maya, 1) is not None


# Periods ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "day", "month", "next_month"),
    [
        ("2026-11-30T23:59:59.999999+00:00", "2026-11-30", "2026-11-01", "2026-12-01"),
        ("2026-12-01T00:00:00+00:00", "2026-12-01", "2026-12-01", "2027-01-01"),
        ("2026-12-01T00:30:00+02:00", "2026-11-30", "2026-11-01", "2026-12-01"),
        ("2028-02-29T12:00:00+00:00", "2028-02-29", "2028-02-01", "2028-03-01"),
        ("2026-12-31T20:00:00-05:00", "2027-01-01", "2027-01-01", "2027-02-01"),
    ],
)
def test_days_and_months_begin_in_utc(moment: str, day: str, month: str, next_month: str) -> None:
    at = datetime.fromisoformat(moment)
    assert period_start(Period.DAY, at).isoformat() == day
    assert period_start(Period.MONTH, at).isoformat() == month
    assert period_end(Period.MONTH, at) == datetime.fromisoformat(f"{next_month}T00:00:00+00:00")
    assert period_end(Period.RUN, at) is None


def test_what_was_used_up_in_november_is_there_again_in_december(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    allow(cast, MONTH_TOKENS, 100)
    monkeypatch.setattr(spending, "db_time", lambda: datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC))
    assert take(cast.maya, 100) is not None
    with inside(cast.maya), pytest.raises(LimitReached) as refused:
        reserve(amounts={Measure.TOKENS: 101}, member_id=cast.maya.membership.id)
    assert "It goes on on 1 December" in str(refused.value)
    monkeypatch.setattr(spending, "db_time", lambda: datetime(2026, 12, 1, tzinfo=UTC))
    assert take(cast.maya, 100) is not None


# Words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("measure", "number", "words"),
    [
        (Measure.TOKENS, 2_000_000, "2 million tokens"),
        (Measure.TOKENS, 2_500_000, "2.5 million tokens"),
        (Measure.TOKENS, 1, "1 token"),
        (Measure.TOKENS, 12_345, "12,345 tokens"),
        (Measure.MONEY, 1_500_000, "$1.50"),
        (Measure.SECONDS, 86_400, "1 day"),
        (Measure.SECONDS, 90, "90 seconds"),
        (Measure.STEPS, 3000, "3,000 steps"),
        (Measure.DEPTH, 1, "1 level"),
    ],
)
def test_amounts_are_said_in_words(measure: Measure, number: int, words: str) -> None:
    assert amount_in_words(measure, number) == words


def test_a_refusal_says_whose_limit_it_is_and_that_it_can_be_changed(cast: Cast) -> None:
    allow(cast, TODAY_TOKENS, 0)
    with inside(cast.maya), pytest.raises(LimitReached) as refused:
        reserve(amounts={Measure.TOKENS: 1}, member_id=cast.maya.membership.id)
    assert refused.value.code == "limit_reached"
    assert str(refused.value).startswith("You have used your 0 tokens for today. It goes on on ")
    assert not refused.value.retryable


def test_what_is_only_set_aside_is_said_to_be_so(cast: Cast) -> None:
    allow(cast, TODAY_TOKENS, 10)
    take(cast.maya, 10)
    with inside(cast.maya), pytest.raises(LimitReached) as refused:
        reserve(amounts={Measure.TOKENS: 1}, member_id=cast.maya.membership.id)
    assert refused.value.retryable
    assert "set aside for work under way" in str(refused.value)


def test_every_kind_of_limit_has_a_name_of_its_own() -> None:
    assert len({kind.name for kind in LIMIT_KINDS}) == len(LIMIT_KINDS)
