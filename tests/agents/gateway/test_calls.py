"""Calls through the gateway to a server in this process, over MCP."""

import asyncio
import threading

import pytest

from agents.contracts import ToolCall, ToolFailure
from agents.gateway.calls import acall
from tests.agents.gateway.conftest import CALLER, PATIENCE_SECONDS, called
from tests.agents.gateway.demo.server import held, scope

SHORT_SECONDS = 0.05


def test_a_tool_gets_its_arguments_the_caller_and_the_key() -> None:
    result = called("echo", title="Hello", count=2)
    assert result.failure is None
    assert result.data == {
        "title": "Hello",
        "count": 2,
        "thread": threading.current_thread().name,
        "scope": "none",
        "email": "maya@halden.example",
        "key": "key-1",
    }


def test_a_tool_runs_on_the_calling_thread_in_its_context() -> None:
    token = scope.set("inside")
    try:
        data = called("echo", title="x").data
    finally:
        scope.reset(token)
    assert (data["thread"], data["scope"]) == (threading.current_thread().name, "inside")


async def test_calls_at_the_same_time_do_not_mix_their_contexts() -> None:
    async def one(name: str) -> object:
        scope.set(name)
        call = ToolCall("demo.echo", {"title": name}, f"key of {name}")
        data = (await acall(call, CALLER, timeout_seconds=PATIENCE_SECONDS)).data
        return data["title"], data["scope"], data["key"]

    names = [f"task {number}" for number in range(8)]
    seen = await asyncio.gather(*(asyncio.create_task(one(name)) for name in names))
    assert seen == [(name, name, f"key of {name}") for name in names]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({}, "The argument 'title' is missing."),
        ({"title": 3}, "The argument 'title' does not fit: Input should be a valid string."),
        ({"title": "x", "count": "3"}, "The argument 'count' does not fit: Input should be a valid integer."),
        ({"title": "x", "cuont": 3}, "There is no argument 'cuont'."),
        ({"title": "x", "parts": [{"name": "y"}]}, "The argument 'parts.0.title' is missing."),
        ({"title": "x", "parts": [{"title": "y", "z": 1}]}, "There is no argument 'parts.0.z'."),
        ({"title": "x", "id": "no id"}, "The argument 'id' does not fit"),
        ({"title": "a\0b"}, "The arguments contain a NUL character, which no text may hold."),
    ],
)
def test_bad_arguments_are_refused_with_a_sentence_each(arguments: dict[str, object], sentence: str) -> None:
    failure = called("echo", **arguments).failure
    assert failure is not None
    assert (failure.code, failure.retryable, failure.outcome_unknown) == ("bad_arguments", False, False)
    assert sentence in failure.message


def test_what_a_tool_says_about_its_failure_arrives() -> None:
    assert called("refuse").failure == ToolFailure(
        "full", "The mailbox is full. Empty it first.", retryable=True, outcome_unknown=True
    )


def test_a_service_s_failure_arrives() -> None:
    assert called("conflict").failure == ToolFailure("conflict", "It was changed by Priya.")


def test_a_bug_tells_nothing_and_leaves_the_outcome_open(caplog: pytest.LogCaptureFixture) -> None:
    failure = called("break").failure
    assert failure is not None
    assert (failure.code, failure.retryable, failure.outcome_unknown) == ("internal", False, True)
    assert "hunter2" not in failure.message
    assert "hunter2" in caplog.text


def test_a_slow_change_has_an_unknown_outcome() -> None:
    with held():
        failure = called("hold", timeout=SHORT_SECONDS).failure
    assert failure is not None
    assert (failure.code, failure.retryable, failure.outcome_unknown) == ("timeout", False, True)


def test_a_slow_read_can_be_repeated() -> None:
    with held():
        failure = called("hold_reading", timeout=SHORT_SECONDS).failure
    assert failure is not None
    assert (failure.code, failure.retryable, failure.outcome_unknown) == ("timeout", True, False)


def test_a_result_that_is_too_large_is_refused() -> None:
    assert called("big", size=1000).failure is None
    failure = called("big", size=600_000).failure
    assert failure is not None
    assert (failure.code, failure.outcome_unknown) == ("result_too_large", False)


def test_a_result_that_is_not_as_declared_is_refused() -> None:
    failure = called("undeclared").failure
    assert failure is not None
    assert (failure.code, failure.outcome_unknown) == ("bad_result", True)
    assert "$.size" in failure.message


@pytest.mark.parametrize("tool", ["nothing", "", "echo.more"])
def test_an_unknown_tool_fails_without_a_call(tool: str) -> None:
    failure = called(tool).failure
    assert failure is not None
    assert failure.code == "unknown_tool"
