"""Limits on tokens and money of the model: asked for before each call, and what the server says was used is charged."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.test import override_settings

from agents.contracts import Person as Named
from agents.contracts import PlanRequest, Proposal
from agents.contracts.limits import LimitKind, Measure, Period, Scope
from agents.errors import LimitReached, PlannerFailed
from agents.models import Reservation, Run
from agents.orchestrator import Origin, plan_start, reply_to
from agents.orchestrator.planning import planner
from agents.planner.turns import Reply
from tests.agents.planner.specs import STORY, event, request
from tests.agents.plans import draft, reading
from tests.agents.test_limits_reserved import MONTH_TOKENS, RUN_TOKENS, TODAY_TOKENS, allow, inside, sums
from tests.cast import Cast, Person
from tests.model_server import ModelServer, Raw, Status, Text, chunk, plan

pytestmark = pytest.mark.django_db(transaction=True)

MONTH_MONEY = LimitKind(Scope.ORGANIZATION, Measure.MONEY, Period.MONTH)
ANSWER = 1000  # the longest, in these tests
SETTINGS: dict[str, Any] = {"MODEL_NAME": "scripted", "MODEL_ANSWER_TOKENS": ANSWER, "MODEL_API_KEY": "sk-secret"}


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running, override_settings(MODEL_BASE_URL=running.base_url, **SETTINGS):
        planner.cache_clear()
        yield running
    planner.cache_clear()


def used(usage: object) -> bytes:
    """The last piece of a stream whose client asked for `include_usage`."""
    return (
        b"data: "
        + json.dumps({"id": "1", "object": "chat.completion.chunk", "choices": [], "usage": usage}).encode()
        + b"\n\n"
    )


def answer(*usages: object, text: str = "Hello there.") -> Raw:
    reports = [used(usage) for usage in usages]
    return Raw([*Text(text).chunks(), chunk({}, "stop"), *reports, b"data: [DONE]\n\n"])


def asking(person: Person, words: str = "Hello") -> PlanRequest:
    return request(words, person=Named(name=person.user.name, email=person.email))


def say(person: Person, words: str = "Hello") -> list[Reply]:
    with inside(person):
        return list(reply_to(asking(person, words)))


def test_what_the_server_says_was_used_is_what_is_charged(cast: Cast, server: ModelServer) -> None:
    server.script(answer({"prompt_tokens": 1200, "completion_tokens": 34, "total_tokens": 1234}))
    say(cast.maya)
    for kind in (MONTH_TOKENS, TODAY_TOKENS):
        assert sums(cast.maya, kind) == (1234, 0)
    body = server.requests[0].body
    assert body["stream_options"] == {"include_usage": True}
    assert body["max_completion_tokens"] == ANSWER


def test_a_server_that_may_not_be_asked_is_not_asked(cast: Cast, server: ModelServer) -> None:
    with override_settings(MODEL_REPORTS_USAGE=False):
        say(cast.maya)
    assert "stream_options" not in server.requests[0].body


def test_without_a_report_an_estimate_is_charged(cast: Cast, server: ModelServer) -> None:
    server.script(answer(text="word " * 400))
    say(cast.maya)
    charged, reserved = sums(cast.maya, MONTH_TOKENS)
    sent = len(json.dumps(server.requests[0].body["messages"]))
    assert reserved == 0
    assert sent / 5 + 400 < charged < sent / 2 + 700


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": -5, "completion_tokens": -7},
        {"prompt_tokens": "many", "completion_tokens": "more"},
        {"prompt_tokens": True, "completion_tokens": True},
        {"prompt_tokens": 1.5, "completion_tokens": None},
        {"prompt_tokens": [], "completion_tokens": {}},
        {},
        "all of them",
        7,
        [1, 2],
        None,
    ],
    ids=str,
)
def test_a_report_that_can_not_be_true_is_left_aside(cast: Cast, server: ModelServer, usage: object) -> None:
    server.script(answer(), answer(usage))
    say(cast.maya)
    estimated, _reserved = sums(cast.maya, MONTH_TOKENS)
    say(cast.maya)
    assert sums(cast.maya, MONTH_TOKENS) == (2 * estimated, 0)


def test_a_server_that_says_it_used_everything_is_charged_no_more_than_was_set_aside(
    cast: Cast, server: ModelServer
) -> None:
    server.script(answer({"prompt_tokens": 10**40, "completion_tokens": 10**40}))
    say(cast.maya)
    charged, reserved = sums(cast.maya, MONTH_TOKENS)
    sent = len(json.dumps(server.requests[0].body, ensure_ascii=False).encode())
    assert reserved == 0
    assert ANSWER < charged <= sent / 2 + ANSWER


def test_the_last_of_several_reports_counts(cast: Cast, server: ModelServer) -> None:
    server.script(
        answer({"prompt_tokens": 100, "completion_tokens": 1}, {"prompt_tokens": 100, "completion_tokens": 9})
    )
    say(cast.maya)
    assert sums(cast.maya, MONTH_TOKENS) == (109, 0)


def test_when_the_month_is_used_up_the_model_is_not_asked_and_chat_says_why(cast: Cast, server: ModelServer) -> None:
    allow(cast, MONTH_TOKENS, 10)
    with pytest.raises(LimitReached) as refused:
        say(cast.maya)
    assert server.requests == []
    assert isinstance(refused.value, PlannerFailed)  # which chat shows as it is
    assert (refused.value.code, refused.value.retryable) == ("limit_reached", False)
    assert str(refused.value).startswith("Your organization has used its 10 tokens for this month. It goes on on 1 ")


def test_the_person_who_used_theirs_up_is_refused_and_others_are_not(cast: Cast, server: ModelServer) -> None:
    allow(cast, TODAY_TOKENS, 10, person=cast.priya)
    with pytest.raises(LimitReached):
        say(cast.priya)
    assert say(cast.maya)


def test_a_server_that_refuses_the_call_costs_nothing(cast: Cast, server: ModelServer) -> None:
    server.script(Status(401))
    with pytest.raises(PlannerFailed):
        say(cast.maya)
    assert sums(cast.maya, MONTH_TOKENS) == (0, 0)


def test_a_reply_that_somebody_stops_is_charged_as_far_as_it_came(cast: Cast, server: ModelServer) -> None:
    server.script(answer({"prompt_tokens": 5, "completion_tokens": 5}))
    with inside(cast.maya):
        replies = reply_to(asking(cast.maya))
        next(replies)
        assert Reservation.objects.count() == 1
        replies.close()  # type: ignore[attr-defined]  # a generator
        assert not Reservation.objects.exists()
    charged, reserved = sums(cast.maya, MONTH_TOKENS)
    assert charged > 10
    assert reserved == 0


def test_every_repair_is_a_call_of_its_own(cast: Cast, server: ModelServer) -> None:
    bad = plan({"id": "1", "tool": "no.such_tool", "arguments": {}, "title": "x"})
    server.script(bad, bad, bad)
    say(cast.maya, STORY)
    assert len(server.requests) == 3
    assert sums(cast.maya, MONTH_TOKENS)[1] == 0


def test_tokens_cost_what_the_settings_say(cast: Cast, server: ModelServer) -> None:
    server.script(answer({"prompt_tokens": 1001, "completion_tokens": 100}))
    with override_settings(MODEL_PRICE_INPUT=Decimal("0.15"), MODEL_PRICE_OUTPUT=Decimal("0.60")):
        say(cast.maya)
    assert sums(cast.maya, MONTH_MONEY) == (211, 0)  # 150.15 + 60, rounded up; millionths of a dollar


def test_money_that_is_used_up_stops_the_model_as_well(cast: Cast, server: ModelServer) -> None:
    allow(cast, MONTH_MONEY, 100)
    with override_settings(MODEL_PRICE_OUTPUT=Decimal(1)), pytest.raises(LimitReached):
        say(cast.maya)
    assert server.requests == []


def test_what_a_plan_has_cost_belongs_to_the_run_that_it_became(cast: Cast, server: ModelServer) -> None:
    usage = used({"prompt_tokens": 900, "completion_tokens": 100})
    call = plan(event().as_json())
    server.script(Raw([*call.chunks(), chunk({}, "tool_calls"), usage, b"data: [DONE]\n\n"]))
    with inside(cast.maya):
        *_texts, proposal = reply_to(asking(cast.maya, STORY))
        assert isinstance(proposal, Proposal)
        run = plan_start(draft=proposal.draft, member_id=cast.maya.membership.id, origin=Origin())
        other = plan_start(draft=draft(reading()), member_id=cast.maya.membership.id, origin=Origin())
    assert spent(cast.maya, run) == 1000
    assert spent(cast.maya, other) == 0
    assert sums(cast.maya, MONTH_TOKENS) == (1000, 0)


def spent(person: Person, run: Run) -> int:
    from agents.spending import used_of

    with inside(person):
        found = used_of(subject_ids=[run.id]).get((run.id, RUN_TOKENS.measure.value, RUN_TOKENS.period.value))
    return found.used if found else 0
