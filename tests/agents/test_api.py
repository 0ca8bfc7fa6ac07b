"""Runs over the API: started from a plan or from words, read, changed, controlled, taken back."""

from http import HTTPStatus
from typing import Any

import pytest
from django.test import Client

from agents.contracts import PlannedStep
from agents.contracts.flow import ASK, WAIT
from jarvis_site.audit.models import AuditEvent
from jarvis_site.audit.selectors import with_words
from jarvis_site.kernel.errors.middleware import PROBLEM_TYPE
from jarvis_site.kernel.ids import uuid7
from jarvis_site.kernel.tenancy import tenant
from tests.accounts.test_api_keys import caller, issue
from tests.agents.plans import RAJ, draft, event, mail, reading, start
from tests.cast import Cast, Person
from tests.engine import Workers

pytestmark = pytest.mark.django_db(transaction=True)

JSON = "application/json"
BUTTONS = [{"id": "yes", "label": "Yes"}, {"id": "no", "label": "No"}]


class Program:
    """What calls the API for somebody, with a key."""

    def __init__(self, person: Person, *scopes: str) -> None:
        self._client = caller(issue(person, *(scopes or ("*", "approvals.decide"))).text)
        self._client.raise_request_exception = False
        self.root = f"/api/v1/o/{person.slug}/"

    def get(self, path: str, **query: Any) -> Any:
        return self._client.get(self.root + path, query)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._client.post(self.root + path, body if body is not None else {}, content_type=JSON, headers=named)

    def read(self, path: str, **query: Any) -> Any:
        answer = self.get(path, **query)
        assert answer.status_code == HTTPStatus.OK, answer.content
        return answer.json()

    def done(self, path: str, body: Any = None) -> Any:
        answer = self.post(path, body)
        assert answer.status_code < HTTPStatus.BAD_REQUEST, answer.content
        return answer.json()

    def start(self, *steps: PlannedStep, approval: str = "plan") -> str:
        made = self.done("runs/", {"plan": draft(*steps).as_json(), "approval": approval})
        return str(made["id"])


@pytest.fixture
def maya(cast: Cast) -> Program:
    return Program(cast.maya)


def step_states(run: Any) -> dict[str, str]:
    return {step["key"]: step["state"] for step in run["steps"]}


# Starting ----------------------------------------------------------------------------------------------------------


def test_a_plan_is_asked_about_as_a_whole_before_anything_runs(maya: Program, workers: Workers) -> None:
    run = maya.start(event("1"), mail("2", needs=("1",)))
    workers.drain()
    assert maya.read(f"runs/{run}")["approval"] == "pending"
    assert set(step_states(maya.read(f"runs/{run}")).values()) <= {"ready", "blocked"}

    [consent] = maya.read("approvals/")
    assert (consent["run_id"], consent["kind"]) == (run, "plan")
    maya.done(f"approvals/{consent['id']}/decision", {"decision": "approve"})
    workers.drain()

    told = maya.read(f"runs/{run}")
    assert (told["state"], step_states(told)) == ("succeeded", {"1": "succeeded", "2": "succeeded"})
    kinds = [item["kind"] for item in maya.read(f"runs/{run}/artifacts")]
    assert "event" in kinds


def test_with_approval_of_steps_what_is_allowed_runs_at_once(maya: Program, workers: Workers) -> None:
    run = maya.start(event("1"), mail("2", needs=("1",)), approval="steps")
    workers.drain()
    assert step_states(maya.read(f"runs/{run}")) == {"1": "succeeded", "2": "asking"}


def test_a_plan_is_refused_with_all_its_faults(maya: Program) -> None:
    bad = {
        "goal": "x",
        "steps": [
            {"id": "1", "tool": "no.such", "arguments": {}},
            {"id": "2", "tool": "mail.send", "arguments": {"to": 5}, "depends_on": ["9"]},
        ],
    }
    refused = maya.post("runs/", {"plan": bad})
    assert (refused.status_code, refused["Content-Type"]) == (400, PROBLEM_TYPE)
    problem = refused.json()
    assert (problem["code"], problem["status"]) == ("plan_refused", 400)
    assert {fault["code"] for fault in problem["faults"]} >= {"unknown_tool", "bad_arguments"}
    assert {fault["step"] for fault in problem["faults"]} == {"1", "2"}
    assert maya.read("runs/")["items"] == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"plan": {}, "words": "hello"},
        {"plan": []},
        {"plan": {"goal": "a\0b", "steps": []}},
        {"words": "Send it", "approval": "steps"},
        {"plan": {}, "approval": "never"},
        {"plan": {"goal": "x", "steps": "all of them"}},
        {"words": ""},
    ],
)
def test_what_makes_no_sense_is_a_problem(maya: Program, body: Any) -> None:
    answer = maya.post("runs/", body)
    assert answer["Content-Type"] == PROBLEM_TYPE
    assert answer.status_code in {400, 422}


def test_a_body_that_is_too_deep_or_no_json_is_a_problem(maya: Program) -> None:
    for text in ("[" * 100_000, '{"plan": ' + '{"a":' * 5_000 + "1" + "}" * 5_001, "{", '{"words": "\ud800"}'):
        body = text.encode(errors="surrogatepass")
        answer = maya._client.post(maya.root + "runs/", body, content_type=JSON)
        assert (answer.status_code in {400, 422}, answer["Content-Type"]) == (True, PROBLEM_TYPE), text[:20]


def test_words_become_a_plan(maya: Program, workers: Workers) -> None:
    asked = maya.post("runs/", {"words": "What is on my calendar on Friday?"})
    assert asked.status_code == HTTPStatus.ACCEPTED
    place = asked.json()["answer"].removeprefix(maya.root)
    assert maya.read(place)["state"] == "planning"

    workers.drain()
    answer = maya.read(place)
    assert answer["state"] == "planned"
    run = maya.read(f"runs/{answer['run_id']}")
    assert (run["state"], run["conversation_id"]) == ("succeeded", asked.json()["conversation_id"])


def test_a_question_of_the_planner_is_answered_with_more_words(maya: Program, workers: Workers) -> None:
    place = maya.done("runs/", {"words": "Remind me to call Raj"})["answer"].removeprefix(maya.root)
    workers.drain()
    asked = maya.read(place)
    assert asked["state"] == "question", asked
    assert asked["text"]

    room = f"conversations/{asked['conversation_id']}/messages"
    said = maya.done(room, {"text": "tomorrow at 9"})
    workers.drain()
    answer = maya.read(f"{room}/{said['id']}/answer")
    assert answer["state"] == "planned", answer


def test_words_that_nobody_can_carry_out_are_told_so(maya: Program, workers: Workers) -> None:
    place = maya.done("runs/", {"words": "Qwertz asdf jkl"})["answer"].removeprefix(maya.root)
    workers.drain()
    answer = maya.read(place)
    assert (answer["state"], answer["run_id"]) == ("answered", None)
    assert answer["text"]


# Rights ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scopes", "path", "missing"),
    [
        (["runs.read"], "runs/", "runs.start"),
        (["runs.start"], "runs/", "chat.write"),
        (["runs.start"], f"runs/{uuid7()}/signals", "runs.control"),
        (["runs.read"], f"tasks/{uuid7()}/answer", "tasks.answer"),
    ],
    ids=["start", "words", "signal", "answer"],
)
def test_a_key_needs_the_scope(cast: Cast, scopes: list[str], path: str, missing: str) -> None:
    answer = Program(cast.maya, *scopes).post(path, {"words": "hello", "name": "x"})
    assert (answer.status_code, answer.json()["code"]) == (HTTPStatus.FORBIDDEN, "missing_scope"), missing


def test_nobody_else_sees_or_touches_a_run(cast: Cast, maya: Program) -> None:
    run = maya.start(reading())
    for other in (cast.tomas, cast.priya):
        program = Program(other)
        for path in ("", "/plans", "/artifacts", "/effects", "/events", "/events/stream"):
            assert program.get(f"runs/{run}{path}").status_code == HTTPStatus.NOT_FOUND, path
        for path, body in (("undo", {}), ("signals", {"name": "x"}), ("steps/1/undo", {}), ("cancel", {})):
            assert program.post(f"runs/{run}/{path}", body).status_code == HTTPStatus.NOT_FOUND, path
        assert program.read("runs/")["items"] == []


# Reading -----------------------------------------------------------------------------------------------------------


def test_the_list_goes_on_from_a_cursor_and_misses_nothing(cast: Cast, maya: Program) -> None:
    made = [str(start(cast.maya, reading(), goal=f"Number {number}").id) for number in range(5)]
    seen, cursor = [], ""
    while cursor is not None:
        page = maya.read("runs/", limit=2, cursor=cursor)
        seen += [run["id"] for run in page["items"]]
        cursor = page["next"]
        start(cast.maya, reading())  # what is new meanwhile does not shift the pages
    assert seen == made[::-1]
    for bad in ("x", "1.2-3", "9" * 90):
        refused = maya.get("runs/", cursor=bad)
        assert (refused.status_code, refused.json()["code"]) == (400, "bad_cursor")


def test_the_list_is_filtered(cast: Cast, maya: Program, workers: Workers) -> None:
    done = str(start(cast.maya, reading(), goal="List everything").id)
    workers.drain()
    waiting = str(start(cast.maya, PlannedStep("w", WAIT, {"event": "go"}, title="Wait"), goal="Wait for it").id)
    workers.drain()

    def found(**query: Any) -> list[str]:
        return [run["id"] for run in maya.read("runs/", **query)["items"]]

    assert found(state="succeeded") == [done]
    assert found(state="sleeping") == [waiting]
    assert found(text="everything") == [done]
    assert found(since="2999-01-01T00:00:00Z") == []
    assert found(since="2020-01-01T00:00:00+02:00") == [waiting, done]
    assert maya.get("runs/", since="2020-01-01T00:00:00").status_code == HTTPStatus.BAD_REQUEST
    assert maya.get("runs/", state="happy").status_code == HTTPStatus.BAD_REQUEST
    assert maya.get("runs/", limit=0).status_code == HTTPStatus.BAD_REQUEST


def test_events_come_in_pages(cast: Cast, maya: Program, workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    run = start(cast.maya, reading("1"), reading("2", needs=("1",)))
    workers.drain()
    monkeypatch.setattr("agents.api.runs.EVENTS_LISTED", 2)
    numbers: list[int] = []
    after: int | None = 0
    while after is not None:
        page = maya.read(f"runs/{run.id}/events", after=after)
        numbers += [item["number"] for item in page["items"]]
        after = page["next"]
    assert numbers == list(range(1, maya.read(f"runs/{run.id}")["last_number"] + 1))
    assert maya.get(f"runs/{run.id}/events", after=2**40).status_code == HTTPStatus.BAD_REQUEST


# Changing and controlling ------------------------------------------------------------------------------------------


def test_a_plan_is_changed_one_version_after_the_other(maya: Program, workers: Workers) -> None:
    run = maya.start(mail("1"), reading("2"), reading("3"))
    arguments = {"to": [RAJ], "subject": "Later", "body": "Come"}
    change = {"kind": "change", "step": "1", "tool": "mail.send", "arguments": arguments}
    made = maya.done(f"runs/{run}/plan", {"base": 1, "change": change, "reason": "Not yet"})
    assert (made["version"], made["author"], made["reason"]) == (2, "person", "Not yet")
    late = maya.post(f"runs/{run}/plan", {"base": 1, "change": {"kind": "drop", "step": "2"}})
    assert late.status_code == HTTPStatus.CONFLICT
    maya.done(f"runs/{run}/plan", {"base": 2, "change": {"kind": "drop", "step": "2"}})
    maya.done(f"runs/{run}/plan", {"base": 3, "change": {"kind": "reorder", "step": "1", "after": ["3"]}})
    ask = {"kind": "ask_first", "step": "1", "title": "Ask", "arguments": {"text": "Now?", "buttons": BUTTONS}}
    maya.done(f"runs/{run}/plan", {"base": 4, "change": ask})

    refused = maya.post(f"runs/{run}/plan", {"base": 5, "change": {**change, "arguments": {"to": "nobody"}}})
    assert (refused.status_code, refused.json()["code"]) == (400, "plan_refused")
    assert refused.json()["faults"]

    versions = maya.read(f"runs/{run}/plans")
    assert [plan["version"] for plan in versions] == [5, 4, 3, 2, 1]
    [first_change] = versions[3]["changes"]
    assert {detail["argument"] for detail in first_change["details"]} == {"subject", "body"}
    assert versions[4]["changes"] == []
    assert [step["id"] for step in maya.read(f"runs/{run}")["plan"]["steps"]] == ["3", "ask", "1"]


def test_a_question_to_people_is_answered(maya: Program, workers: Workers) -> None:
    form = {
        "text": "Shall it **go out**?",
        "buttons": BUTTONS,
        "fields": [{"name": "why", "label": "Why?", "required": True}],
    }
    run = maya.start(PlannedStep("1", ASK, form, title="Ask"))  # type: ignore[arg-type]  # JSON
    workers.drain()
    [task] = maya.read("tasks/")
    assert task["run_id"] == run
    assert task["answer_schema"]["required"] == ["why"]
    assert maya.read(f"runs/{run}")["tasks"] == [task]
    for bad in (
        {"button": "maybe", "values": {"why": "x"}},
        {"button": "yes"},
        {"button": "yes", "values": {"why": 1}},
    ):
        refused = maya.post(f"tasks/{task['id']}/answer", bad)
        assert (refused.status_code, refused.json()["code"]) == (400, "bad_answer"), bad
    told = maya.done(f"tasks/{task['id']}/answer", {"button": "yes", "values": {"why": "It is time"}})
    assert told["outcome"] == "yes"
    assert maya.post(f"tasks/{task['id']}/answer", {"button": "yes", "values": {"why": "x"}}).status_code == 409
    workers.drain()
    run_now = maya.read(f"runs/{run}")
    assert run_now["state"] == "succeeded"
    assert run_now["steps"][0]["output"]["values"] == {"why": "It is time"}
    assert maya.read("tasks/") == []


def test_a_run_is_paused_told_about_an_event_and_stopped(cast: Cast, maya: Program, workers: Workers) -> None:
    run = maya.start(PlannedStep("w", WAIT, {"event": "go"}, title="Wait"), reading("2", needs=("w",)))
    workers.drain()
    assert maya.done(f"runs/{run}/pause", {"reason": "Lunch"})["state"] == "paused"
    assert maya.post(f"runs/{run}/pause").status_code == HTTPStatus.CONFLICT
    assert maya.done(f"runs/{run}/resume")["state"] == "sleeping"
    for name in ("", "Go!", "x" * 61):
        assert maya.post(f"runs/{run}/signals", {"name": name}).status_code == HTTPStatus.BAD_REQUEST
    assert maya.post(f"runs/{run}/signals", {"name": "go", "data": {"a": "\0"}}).status_code == HTTPStatus.BAD_REQUEST
    maya.done(f"runs/{run}/signals", {"name": "go", "data": {"from": "build 7"}})
    workers.drain()
    told = maya.read(f"runs/{run}")
    assert told["state"] == "succeeded"
    assert told["steps"][0]["output"]["data"] == {"from": "build 7"}
    assert maya.post(f"runs/{run}/cancel").status_code == HTTPStatus.CONFLICT

    other = maya.start(PlannedStep("w", WAIT, {"event": "go"}, title="Wait"))
    assert maya.done(f"runs/{other}/cancel", {"reason": "Changed my mind"})["state"] == "cancelled"
    with tenant(cast.halden.id):
        [(_row, words)] = with_words(list(AuditEvent.objects.filter(action="run.cancel_requested", run_id=other)))
    assert words["reason"] == "Changed my mind"


def test_what_failed_is_done_again_as_it_was_or_with_other_values(maya: Program, workers: Workers) -> None:
    missing = PlannedStep("1", "files.read", {"path": "plans.txt"}, title="Read the plans")
    run = maya.start(missing)
    workers.drain()
    assert maya.read(f"runs/{run}")["state"] == "failed"
    assert maya.done(f"runs/{run}/retry", {"reason": "Perhaps now"})["state"] == "running"
    workers.drain()
    assert maya.read(f"runs/{run}")["state"] == "failed"
    made = maya.done(
        f"runs/{run}/steps/1/redo", {"base": 1, "tool": "files.list", "arguments": {"path": ""}, "reason": "Look"}
    )
    assert made["version"] == 2
    workers.drain()
    assert maya.read(f"runs/{run}")["state"] == "succeeded"
    assert maya.post(f"runs/{run}/retry", {"step": "9"}).status_code == HTTPStatus.NOT_FOUND
    refused = maya.post(f"runs/{run}/retry")
    assert (refused.status_code, refused.json()["code"]) == (HTTPStatus.CONFLICT, "cannot_retry")


def test_what_a_run_did_is_taken_back(maya: Program, workers: Workers) -> None:
    run = maya.start(event("1"), event("2", title="Another"))
    workers.drain()
    effects = maya.read(f"runs/{run}/effects")
    assert {item["step"]: item["state"] for item in effects["effects"]} == {"1": "possible", "2": "possible"}
    maya.done(f"runs/{run}/steps/2/undo", {"reason": "Not that one"})
    workers.drain()
    assert maya.post(f"runs/{run}/steps/2/undo").json()["code"] == "cannot_undo"
    maya.done(f"runs/{run}/undo")
    workers.drain()
    assert maya.read(f"runs/{run}/effects")["undone"] == 2
    assert all(item["undone_by"] for item in maya.read(f"runs/{run}/artifacts") if item["step"] in {"1", "2"})


def test_a_wrong_method_is_a_problem(maya: Program) -> None:
    answer = maya._client.put(maya.root + "runs/", {}, content_type=JSON)
    assert (answer.status_code, answer["Content-Type"]) == (405, PROBLEM_TYPE)
    assert "POST" in answer["Allow"]


def test_a_forged_form_is_a_problem_too(cast: Cast) -> None:
    forged = Client(enforce_csrf_checks=True)
    forged.cookies = cast.maya.client().cookies
    answer = forged.post(f"/api/v1/o/{cast.maya.slug}/runs/", {"words": "x"}, content_type=JSON)
    assert (answer.status_code, answer["Content-Type"]) == (403, PROBLEM_TYPE)
    with tenant(cast.halden.id):
        assert Program(cast.maya).read("runs/")["items"] == []
