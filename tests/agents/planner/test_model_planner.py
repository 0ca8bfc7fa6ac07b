"""The model planner against a real HTTP server that plays models, good and bad."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from agents.contracts import PlanFault, PlannerOutput, Proposal, Question, Speaker, TextDelta, Turn
from agents.errors import PlannerFailed, PlanUnreadable
from agents.planner.llm import ModelPlanner
from agents.planner.turns import Refused, Reply, converse
from tests.agents.planner.specs import STORY, draft, event, request
from tests.model_server import (
    Call,
    Cut,
    Flood,
    Hang,
    ModelServer,
    Raw,
    Status,
    Text,
    Trickle,
    call_delta,
    chunk,
    free_port,
    plan,
)

KEY = "sk-secret"
STEP = event().as_json()


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


def planner(server: ModelServer, **changes: Any) -> ModelPlanner:
    options = {"base_url": server.base_url, "timeout_seconds": 10.0, "silence_seconds": 5.0} | changes
    return ModelPlanner(api_key=KEY, model="scripted", **options)


def ask(server: ModelServer, **changes: Any) -> list[PlannerOutput]:
    return list(planner(server).turn(request(**changes)))


def talk(server: ModelServer, words: str = STORY) -> list[Reply]:
    return list(converse(planner=planner(server), request=request(words)))


def failure(asked: ModelPlanner) -> tuple[str, PlannerFailed]:
    """Return the text that was shown, and the failure that ended it."""
    said: list[PlannerOutput] = []
    with pytest.raises(PlannerFailed) as caught:
        said.extend(asked.turn(request()))
    return text_of(said), caught.value


def text_of(outputs: list[Any]) -> str:
    return "".join(output.text for output in outputs if isinstance(output, TextDelta))


# Good replies


def test_the_story_becomes_a_valid_plan(server: ModelServer) -> None:
    *texts, proposal = talk(server)

    assert text_of(texts) == "I will set up the call for Friday 17 May, 15:00 and mail it."
    assert isinstance(proposal, Proposal)
    create, send = proposal.draft.steps
    assert create.arguments["start"] == "2030-05-17T15:00:00+02:00"
    assert send.arguments["to"] == ["raj@example.com"]
    assert send.arguments["invitation"] == {"$from": "1", "path": "/event_id"}
    assert send.depends_on == ("1",)


def test_an_answer_is_streamed_as_it_comes(server: ModelServer) -> None:
    server.script(Text("One two three four", piece=4))

    assert ask(server) == [TextDelta(piece) for piece in ("One ", "two ", "thre", "e fo", "ur")]


def test_text_is_handed_on_before_the_reply_is_complete(server: ModelServer) -> None:
    server.script(Hang(text="Hello"))
    turn = planner(server).turn(request())

    assert next(turn) == TextDelta("Hello")
    turn.close()


def test_a_question_carries_its_options_and_what_to_resume(server: ModelServer) -> None:
    server.script(Call("ask_user", {"text": "Which Raj?", "options": ["Raj Patel", "Raj Rao", 7, "Raj Rao"]}))

    assert ask(server) == [Question("Which Raj?", ("Raj Patel", "Raj Rao"), {"question": "Which Raj?"})]


def test_control_characters_of_the_model_are_dropped(server: ModelServer) -> None:
    server.script(Text("\n \x00He\x1bllo\n\ud800", piece=100))

    assert ask(server) == [TextDelta("Hello\n")]


# What the model is told


def test_the_model_is_told_who_asks_when_and_with_which_tools(server: ModelServer) -> None:
    server.script(Text("Hi"))
    history = (Turn(Speaker.PERSON, "Hello"), Turn(Speaker.JARVIS, "Hello Ada"))

    ask(server, history=history, words="And now?")

    (received,) = server.requests
    system, *rest = received.body["messages"]
    assert "Time zone: Europe/Berlin" in system["content"]
    assert "Now: Thursday 2030-05-16T09:30+02:00" in system["content"]
    assert '"name": "calendar.create_event"' in system["content"]
    assert '{"name": "Raj Patel", "email": "raj@example.com"}' in system["content"]
    assert [message["role"] for message in rest] == ["user", "assistant", "user"]
    assert [tool["function"]["name"] for tool in received.body["tools"]] == ["propose_plan", "ask_user"]
    assert received.headers["authorization"] == f"Bearer {KEY}"
    assert received.path == "/v1/chat/completions"


def test_a_refused_plan_and_its_reasons_are_told(server: ModelServer) -> None:
    server.script(Text("Hi"))

    ask(server, rejected=draft(event(tool="nope")), faults=(PlanFault("unknown_tool", "There is no nope.", "1"),))

    told = server.requests[0].texts
    assert '{"step": "1", "reason": "There is no nope."}' in told
    assert '"tool": "nope"' in told


def test_the_question_that_the_words_answer_is_told(server: ModelServer) -> None:
    server.script(Text("Hi"))

    ask(server, words="The first", pending={"question": "Which Raj?"})

    assert 'You asked the person before: "Which Raj?"' in server.requests[0].texts


def test_words_that_have_no_utf8_are_sent_all_the_same(server: ModelServer) -> None:
    server.script(Text("Hi"))

    assert ask(server, words="a\ud800b {braces}") == [TextDelta("Hi")]


# Faults of the endpoint


def test_a_model_that_is_down_is_reported() -> None:
    asked = ModelPlanner(
        base_url=f"http://127.0.0.1:{free_port()}/v1", api_key="", model="m", timeout_seconds=0.4
    )  # fmt: skip

    _, failed = failure(asked)

    assert (failed.code, failed.retryable) == ("model_down", True)
    assert "cannot be reached" in str(failed)


@pytest.mark.parametrize("url", ["nonsense", "http://[bad/v1", "ftp://127.0.0.1/v1", ""])
def test_an_address_that_is_none_is_reported(url: str) -> None:
    _, failed = failure(ModelPlanner(base_url=url, api_key=KEY, model="m", timeout_seconds=0.3))

    assert "Nothing was done." in str(failed)


@pytest.mark.parametrize("busy", [Status(429, {"Retry-After": "0"}), Status(503, {"Retry-After": "0.01"})])
def test_a_busy_endpoint_is_asked_again(server: ModelServer, busy: Status) -> None:
    server.script(busy, busy, Text("Hi"))

    assert ask(server) == [TextDelta("Hi")]
    assert len(server.requests) == 3


def test_an_endpoint_that_stays_busy_is_reported_after_three_tries(server: ModelServer) -> None:
    server.script(*[Status(429, {"Retry-After": "0"})] * 5)

    _, failed = failure(planner(server))

    assert (failed.code, failed.retryable, len(server.requests)) == ("model_busy", True, 3)


@pytest.mark.parametrize("after", ["3600", "Wed, 21 Oct 2099 07:28:00 GMT", "1e400"])
def test_a_long_wait_is_reported_instead_of_waited_for(server: ModelServer, after: str) -> None:
    server.script(Status(429, {"Retry-After": after}))

    _, failed = failure(planner(server))

    assert len(server.requests) == 1
    assert "asks to wait" in str(failed)


def test_a_wait_never_outlasts_the_deadline(server: ModelServer) -> None:
    server.script(Status(429, {"Retry-After": "15"}))

    _, failed = failure(planner(server, timeout_seconds=1.0))

    assert failed.code == "model_busy"


@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [(status, "model_refused", False) for status in (400, 401, 403, 404, 307)],
)
def test_a_refusal_is_not_repeated(server: ModelServer, status: int, code: str, retryable: bool) -> None:
    server.script(Status(status, {"Location": "http://127.0.0.1:9/"}))

    _, failed = failure(planner(server))

    assert (failed.code, failed.retryable, len(server.requests)) == (code, retryable, 1)


def test_a_broken_endpoint_is_reported(server: ModelServer) -> None:
    server.script(*[Status(500, {"Retry-After": "0"})] * 3)

    _, failed = failure(planner(server))

    assert failed.code == "model_down"


# Slow, cut, endless


@pytest.mark.parametrize("reply", [Hang(), Hang(text="Hello")])
def test_silence_ends_the_turn(server: ModelServer, reply: Hang) -> None:
    server.script(reply)

    said, failed = failure(planner(server, silence_seconds=0.1))

    assert failed.code == "model_slow"
    assert said == (reply.text or "")


@pytest.mark.parametrize("headers", [False, True])
def test_a_byte_now_and_then_does_not_outlast_the_deadline(server: ModelServer, headers: bool) -> None:
    server.script(Trickle(0.02, headers=headers))

    _, failed = failure(planner(server, timeout_seconds=0.3))

    assert failed.code == "model_slow"
    assert len(server.requests) == 1


def test_a_cut_reply_says_so_and_keeps_the_text(server: ModelServer) -> None:
    server.script(Cut("Half an ans"))

    said, failed = failure(planner(server))

    assert said == "Half an ans"
    assert failed.code == "model_cut"
    assert "What arrived is kept above; nothing was done." in str(failed)


def test_a_reply_that_just_stops_is_cut_too(server: ModelServer) -> None:
    server.script(Raw([chunk({"content": "Half"})]))

    assert failure(planner(server))[1].code == "model_cut"


def test_half_a_plan_is_no_plan(server: ModelServer) -> None:
    server.script(Raw([chunk(call_delta("propose_plan", json.dumps({"goal": "g", "steps": [STEP]})))]))

    assert failure(planner(server))[1].code == "model_cut"


@pytest.mark.parametrize(("finish", "code"), [("length", "model_cut"), ("content_filter", "model_withheld")])
def test_a_reply_that_the_model_broke_off_is_reported(server: ModelServer, finish: str, code: str) -> None:
    server.script(Text("Half", finish=finish))

    assert failure(planner(server))[1].code == code


@pytest.mark.parametrize(
    "flood",
    [Flood(), Flood(b"x" * 4096), Flood(chunk(call_delta("propose_plan", "[" * 1000))), Flood(b": ping\n\n" * 500)],
)
def test_an_endless_reply_is_ended(server: ModelServer, flood: Flood) -> None:
    server.script(flood)

    _, failed = failure(planner(server, max_bytes=200_000))

    assert failed.code == "model_too_large"


def test_a_compressed_reply_is_not_unpacked(server: ModelServer) -> None:
    server.script(Status(200, {"Content-Encoding": "gzip"}, b"\x1f\x8b"))

    assert failure(planner(server))[1].code == "model_too_large"


# Garbage


GARBAGE: dict[str, Any] = {
    "not JSON": Call("propose_plan", "{oh no"),
    "not a plan": Call("propose_plan", [1, 2]),
    "no arguments": Call("propose_plan", ""),
    "NaN": Call("propose_plan", '{"goal": "g", "steps": [{"id": "1", "tool": "t", "arguments": {"a": NaN}}]}'),
    "endless number": Call("propose_plan", '{"goal": ' + "9" * 5_000 + "}", piece=1_000),
    "too deep": Call("propose_plan", "[" * 100_000, piece=10_000),
    "wrong types": Call("propose_plan", {"goal": 7, "steps": [{"id": [], "tool": {}, "arguments": "x"}]}),
    "unknown function": Call("rm_rf", {}),
    "no question": Call("ask_user", {"text": ["?"]}),
    "empty": Text(""),
    "blank": Text(" \n "),
    "a web page": Raw([b"<html>Sorry</html>"]),
    "broken events": Raw([b"data: {nonsense\n\n"]),
    "no UTF-8": Raw([b"data: \xff\xfe\n\n"]),
    "other events": Raw([b'data: [1, "two"]\n\n', b"data: 7\n\n", b'data: {"choices": "x"}\n\n', b"data: null\n\n"]),
    "two calls": Raw(
        [chunk(call_delta("propose_plan", "{}")), chunk(call_delta("ask_user", "{}", index=1)), chunk({}, "stop")]
    ),
    "a huge plan": Call("propose_plan", "[" + "0," * 300_000, piece=100_000),
    "odd deltas": Raw([chunk({"content": 7, "tool_calls": [{"function": 3}, 4, None]}), chunk({}, "stop")]),
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_is_given_reasons(server: ModelServer, name: str) -> None:
    server.script(GARBAGE[name])

    _, failed = failure(planner(server))

    assert isinstance(failed, PlanUnreadable) or failed.code == "model_cut"
    assert "Nothing was done" in str(failed)


def test_a_fault_reported_inside_the_stream_is_reported(server: ModelServer) -> None:
    server.script(Raw([b'data: {"error": {"message": "out of memory at 0x7f sk-secret"}}\n\n']))

    _, failed = failure(planner(server))

    assert failed.code == "model_fault"
    assert KEY not in str(failed)


# Repairs

MANY_STEPS = Call("propose_plan", {"goal": "g", "steps": [STEP] * 1_000}, piece=50_000)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (plan(STEP | {"tool": "nope"}), "There is no tool named “nope”."),
        (plan(STEP | {"depends_on": ["2"]}, STEP | {"id": "2", "depends_on": ["1"]}), "in a circle"),
        (MANY_STEPS, "The plan has 1000 steps; at most 50 are allowed."),
        (Call("propose_plan", "{oh no"), "not valid JSON"),
    ],
)
def test_a_bad_plan_is_repaired_or_refused_in_plain_words(server: ModelServer, bad: Call, reason: str) -> None:
    server.script(bad, plan(STEP, text="Better:"), bad, bad, bad)

    *_, repaired = talk(server)
    *_, refused = talk(server)

    assert isinstance(repaired, Proposal)
    assert isinstance(refused, Refused)
    assert reason in refused.message
    assert reason in server.requests[1].texts
    assert len(server.requests) == 5


def test_ten_thousand_steps_are_refused(server: ModelServer) -> None:
    many = Call("propose_plan", {"goal": "g", "steps": [STEP | {"id": str(n)} for n in range(10_000)]}, piece=50_000)
    server.script(many, many, many)

    (refused,) = talk(server)

    assert isinstance(refused, Refused)
    assert "The plan is larger than 512 kB." in refused.message


# Secrets


def test_neither_key_nor_prompt_nor_foreign_text_is_logged_or_shown(
    server: ModelServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.script(Status(429, {"Retry-After": "0"}), Status(500, {"Retry-After": "0"}), Status(401))

    with capture_logs() as logs:
        _, failed = failure(planner(server))

    everything = f"{caplog.text} {logs} {failed!r} {failed.__cause__}"
    assert [entry["event"] for entry in logs] == ["model_retried", "model_retried", "model_failed"]
    assert KEY not in everything
    assert "email raj" not in everything
