"""The administrators' page of limits, and what a run's page says it has spent."""

from decimal import Decimal

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext

from agents.contracts.limits import Measure
from agents.limits import overrides
from agents.spending import reserve, settle
from jarvis_site.audit.models import AuditEvent
from tests.agents.plans import reading, start
from tests.agents.test_limits_of_models import MONTH_MONEY
from tests.agents.test_limits_of_runs import RUN_SECONDS, RUN_STEPS
from tests.agents.test_limits_reserved import MONTH_TOKENS, TODAY_TOKENS, allow, inside
from tests.cast import Cast, Person

pytestmark = pytest.mark.django_db(transaction=True)


def address(person: Person, limit: str = "", *, of: Person | None = None) -> str:
    start = f"/o/{person.slug}/settings/limits/"
    return f"{start}{limit}/" + (f"?member={of.membership.id}" if of else "") if limit else start


def page(person: Person, limit: str = "") -> str:
    answer = person.client().get(address(person, limit))
    assert answer.status_code == 200
    return answer.content.decode()


def send(person: Person, limit: str, *, proven: bool = True, **fields: str) -> HttpResponse:
    given = {"reason": "More work this month", "member": "everybody", **fields}
    answer: HttpResponse = person.client(proven=proven).post(address(person, limit), given)  # type: ignore[assignment]  # the test client's own
    return answer


def spend(person: Person, tokens: int) -> None:
    with inside(person):
        made = reserve(amounts={Measure.TOKENS: tokens}, member_id=person.membership.id)
        settle(made, used={Measure.TOKENS: tokens})


def test_an_administrator_sees_limits_and_what_was_used_of_each(cast: Cast) -> None:
    allow(cast, MONTH_TOKENS, 2_000_000)
    allow(cast, TODAY_TOKENS, 100, person=cast.maya)
    spend(cast.maya, 90)
    spend(cast.priya, 500_000)
    shown = page(cast.tomas)
    assert "500,090 tokens of 2 million tokens" in shown
    assert "500,000 tokens of 2 million tokens · most by Priya Raman" in shown
    assert "90 tokens of 100 tokens" in shown
    assert 'value="25"' in shown
    assert 'value="90"' in shown
    assert "<strong>Maya Lindqvist</strong>" in shown


def test_what_another_organization_uses_is_not_seen(cast: Cast) -> None:
    spend(cast.ines, 123_456)
    assert "123,456" not in page(cast.tomas)


@pytest.mark.parametrize("limit", ["", "run-steps-run"])
def test_who_is_no_administrator_may_neither_see_nor_change_limits(cast: Cast, limit: str) -> None:
    assert cast.priya.client(proven=True).get(address(cast.priya, limit)).status_code == 403
    assert send(cast.priya, "run-steps-run", amount="5").status_code == 403


def test_an_administrator_changes_a_limit_with_a_reason(cast: Cast) -> None:
    answer = send(cast.tomas, "run-steps-run", amount="5")
    assert (answer.status_code, answer["Location"]) == (302, address(cast.tomas))
    with inside(cast.tomas):
        assert overrides(fresh=True) == {(RUN_STEPS, None): 5}
        assert AuditEvent.objects.get(action="limit.changed").member_id == cast.tomas.membership.id
    assert "changed here" in page(cast.tomas)


def test_people_type_minutes_and_dollars(cast: Cast) -> None:
    send(cast.tomas, "run-seconds-run", amount="90")
    send(cast.tomas, "organization-money-month", amount="12.50")
    with inside(cast.tomas):
        assert overrides(fresh=True) == {(RUN_SECONDS, None): 5400, (MONTH_MONEY, None): 12_500_000}
    assert 'value="90"' in page(cast.tomas, "run-seconds-run")
    assert 'value="12.50"' in page(cast.tomas, "organization-money-month")


def test_a_person_gets_a_limit_of_their_own_and_loses_it_again(cast: Cast) -> None:
    member = str(cast.priya.membership.id)
    send(cast.tomas, "person-tokens-day", amount="7", member=member)
    with inside(cast.tomas):
        assert overrides(fresh=True) == {(TODAY_TOKENS, cast.priya.membership.id): 7}
    send(cast.tomas, "person-tokens-day", usual="1", member=member)
    with inside(cast.tomas):
        assert overrides(fresh=True) == {}


def test_nothing_changes_without_a_fresh_proof(cast: Cast) -> None:
    assert send(cast.tomas, "run-steps-run", proven=False, amount="5").status_code != 200
    with inside(cast.tomas):
        assert overrides(fresh=True) == {}


@pytest.mark.parametrize(
    "fields",
    [
        {"amount": ""},
        {"amount": "-1"},
        {"amount": "many"},
        {"amount": "1.5"},
        {"amount": "9" * 17},
        {"amount": "NaN"},
        {"amount": "5", "reason": ""},
        {"amount": "5", "member": "nobody"},
    ],
    ids=str,
)
def test_what_is_no_limit_is_refused_with_the_form(cast: Cast, fields: dict[str, str]) -> None:
    given = {"reason": "More work", "member": "everybody", **fields}
    answer = cast.tomas.client(proven=True).post(address(cast.tomas, "run-steps-run"), given)
    assert answer.status_code == 422
    assert "<form" in answer.content.decode()
    with inside(cast.tomas):
        assert overrides(fresh=True) == {}


def test_somebody_of_another_organization_can_not_be_limited(cast: Cast) -> None:
    answer = send(cast.tomas, "person-tokens-day", amount="5", member=str(cast.ines.membership.id))
    assert answer.status_code == 422


def test_there_is_no_limit_of_another_kind(cast: Cast) -> None:
    assert cast.tomas.client().get(address(cast.tomas, "planet-tokens-day")).status_code == 404


def test_the_page_of_a_run_says_what_it_has_spent_and_of_how_much(cast: Cast) -> None:
    run = start(cast.maya, reading())
    url = f"/o/{cast.maya.slug}/runs/{run.id}/"
    assert "Spent" not in cast.maya.client().get(url).content.decode()
    with inside(cast.maya):
        amounts = {Measure.TOKENS: 12_300, Measure.MONEY: 20_000}
        settle(reserve(amounts=amounts, member_id=cast.maya.membership.id, run=run), used=amounts)
    shown = cast.maya.client().get(url).content.decode()
    assert "12,300 of 500,000 tokens · $0.02" in shown


def test_the_list_takes_as_many_queries_for_many_people_as_for_one(cast: Cast) -> None:
    def queries() -> int:
        client = cast.tomas.client()
        with CaptureQueriesContext(connection) as captured:
            assert client.get(address(cast.tomas)).status_code == 200
        return len(captured)

    allow(cast, TODAY_TOKENS, 100, person=cast.maya)
    spend(cast.maya, 1)
    queries()
    few = queries()
    for person in (cast.priya, cast.tomas):
        allow(cast, TODAY_TOKENS, 100, person=person)
        spend(person, 2)
    assert queries() == few


def test_money_is_stored_exactly(cast: Cast) -> None:
    send(cast.tomas, "organization-money-month", amount="0.07")
    with inside(cast.tomas):
        assert overrides(fresh=True)[MONTH_MONEY, None] == int(Decimal("0.07") * 1_000_000)
