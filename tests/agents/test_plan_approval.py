"""A plan is shown before anything runs: approved as a whole or in part, changed, and held to what was approved."""

import json
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
from django.db.models import F

from agents.contracts import PlannedStep, flow
from agents.models import Plan, Run, Step
from agents.orchestrator import figures
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.tenancy import tenant
from permissions.contracts import ConsentState
from permissions.models import Consent
from permissions.services import consents_expire
from tests.agents.plans import RAJ, event, invitation_mail, mail, question, reading, start, states, step_of
from tests.cast import Cast, Person
from tests.engine import Workers

pytestmark = pytest.mark.django_db(transaction=True)


def decide(person: Person, run: Run, decision: str, **fields: str) -> Any:
    address = f"/o/{person.slug}/approvals/{question(person, run).id}/decide/"
    return person.client().post(address, {"decision": decision, **fields})


def edit(person: Person, run: Run, path: str, *, base: int = 1, **fields: Any) -> Any:
    return person.client().post(f"/o/{person.slug}/runs/{run.id}/plan/{path}/", {"base": base, **fields})


def page(person: Person, run: Run, path: str = "") -> str:
    return person.client().get(f"/o/{person.slug}/runs/{run.id}/{path}").content.decode()


def plans(run: Run) -> list[Plan]:
    with tenant(run.organization_id):
        return list(Plan.objects.filter(run=run).order_by("version"))


def asked(run: Run) -> list[tuple[str, str]]:
    with tenant(run.organization_id):
        return list(Consent.objects.filter(run_id=run.id).order_by("asked_at").values_list("kind", "state"))


def story(cast: Cast) -> Run:
    return start(cast.maya, reading("0"), event("1"), invitation_mail("2", after="1"), ask_first=True)


# Approving --------------------------------------------------------------------------------------------------------


def test_nothing_is_done_before_the_plan_is_approved_and_then_everything_once(cast: Cast, workers: Workers) -> None:
    run = story(cast)
    workers.drain()
    assert states(run) == ("waiting", {"0": "blocked", "1": "blocked", "2": "blocked"})
    decide(cast.maya, run, "approve")
    workers.drain()
    assert states(run) == ("succeeded", {"0": "succeeded", "1": "succeeded", "2": "succeeded"})
    assert asked(run) == [("plan", "approved")]
    with tenant(cast.halden.id):
        used = AuditEvent.objects.filter(run_id=run.id, action="consent.used")
        assert [row.details["step"] for row in used] == ["2"]


def test_a_plan_in_which_nothing_asks_starts_at_once(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, reading("1"), event("2"), ask_first=True)
    workers.drain()
    assert states(run)[0] == "succeeded"
    assert asked(run) == []


def test_with_reads_approved_only_what_reads_is_done_and_the_rest_asks(cast: Cast, workers: Workers) -> None:
    run = story(cast)
    decide(cast.maya, run, "reads")
    workers.drain()
    assert states(run) == ("waiting", {"0": "succeeded", "1": "asking", "2": "blocked"})
    assert "Of this plan only what reads was approved" in page(cast.maya, run, "steps/1/")
    decide(cast.maya, run, "approve")
    workers.drain()
    assert states(run)[1] == {"0": "succeeded", "1": "succeeded", "2": "asking"}


def test_a_declined_plan_ends_the_run_with_the_reason(cast: Cast, workers: Workers) -> None:
    run = story(cast)
    decide(cast.maya, run, "deny", reason="Not now")
    workers.drain()
    assert states(run)[0] == "cancelled"
    assert set(states(run)[1].values()) == {"cancelled"}


def test_a_plan_that_nobody_answers_ends_the_run(cast: Cast, workers: Workers) -> None:
    run = story(cast)
    with tenant(cast.halden.id):
        Consent.objects.filter(run_id=run.id).update(expires_at=db_now())
    assert consents_expire() == 1
    workers.drain()
    assert states(run)[0] == "cancelled"


def test_stopping_the_run_withdraws_the_question(cast: Cast) -> None:
    run = story(cast)
    cast.maya.client().post(f"/o/{cast.maya.slug}/runs/{run.id}/cancel/")
    assert asked(run) == [("plan", "withdrawn")]
    assert decide(cast.maya, run, "approve").status_code == HTTPStatus.CONFLICT


def test_nobody_else_approves_the_plan(cast: Cast, workers: Workers) -> None:
    run = story(cast)
    address = f"/o/{cast.tomas.slug}/approvals/{question(cast.maya, run).id}/decide/"
    assert cast.tomas.client().post(address, {"decision": "approve"}).status_code == HTTPStatus.NOT_FOUND
    workers.drain()
    assert states(run)[0] == "waiting"


def test_the_card_says_beforehand_what_each_step_does_and_why_it_asks(cast: Cast) -> None:
    run = story(cast)
    card = page(cast.maya, run, "card/")
    for words in ("Approve plan", "Approve reads only", "Edit", "Asks", "Final, cannot be undone", "about"):
        assert words in card
    assert "Rule “Reaches other people”" in page(cast.maya, run, "steps/2/")
    shown = cast.maya.client().get(f"/o/{cast.maya.slug}/approvals/{question(cast.maya, run).id}/").content.decode()
    assert RAJ in shown
    assert "the result of step 1" in shown


# Held to the contract ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        {"tool": "mail.write_draft"},
        {"arguments": {"to": ["eve@example.com"], "subject": "x", "body": "y"}},
        {"key": "9"},
    ],
    ids=["tool", "arguments", "step"],
)
def test_a_call_that_is_not_the_one_in_the_plan_asks_again(
    cast: Cast, workers: Workers, changed: dict[str, Any]
) -> None:
    run = start(cast.maya, mail("1"), ask_first=True)
    decide(cast.maya, run, "approve")
    with tenant(cast.halden.id):
        Step.objects.filter(run=run).update(**changed)
    workers.drain()
    if changed.get("tool"):  # a draft reaches nobody: the policy itself lets it pass
        assert states(run)[0] == "succeeded"
    else:
        assert asked(run) == [("plan", "approved"), ("call", "pending")]


def test_another_recipient_than_the_approved_one_asks_again(cast: Cast, workers: Workers) -> None:
    """The address is the result of a step: nobody could know it when the plan was approved."""
    found: Any = {"$from": "1", "path": "/people/0/email"}
    look_up = PlannedStep("1", "mail.find_people", {"query": "Raj"}, title="Look up Raj")
    run = start(cast.maya, look_up, mail("2", needs=("1",), to=[found]), ask_first=True)
    decide(cast.maya, run, "approve")
    workers.drain()
    step = step_of(run, "2")
    if step.state == "asking":
        assert step.rule == "open-values"
    else:
        assert step.failure_code == "unresolved_reference"


def test_text_that_was_read_does_not_leave_unseen(cast: Cast, workers: Workers) -> None:
    start(cast.maya, PlannedStep("1", "files.write", {"path": "n.txt", "content": "secret"}, title="Write"))
    workers.drain()
    read = PlannedStep("1", "files.read", {"path": "n.txt"}, title="Read n.txt")
    text: Any = {"$from": "1", "path": "/content"}
    run = start(cast.maya, read, mail("2", needs=("1",), body=text), ask_first=True)
    decide(cast.maya, run, "approve")
    workers.drain()
    assert states(run) == ("waiting", {"1": "succeeded", "2": "asking"})
    with tenant(cast.halden.id):
        asks = Consent.objects.get(run_id=run.id, kind="call")
    assert asks.arguments["body"] == "secret"
    assert (asks.rule, asks.standing) == ("outside-values", False)
    [source] = asks.sources
    assert (source["argument"], source["origin"], source["tool"]) == ("body", "outside", "files.read")
    shown = cast.maya.client().get(f"/o/{cast.maya.slug}/approvals/{asks.id}/").content.decode()
    for words in ("Where each value came from", "From outside", "Read n.txt"):
        assert words in shown
    assert "Approve for longer" not in shown
    decide(cast.maya, run, "approve", choice="always")
    assert asked(run)[-1] == ("call", "pending")


def test_what_is_done_a_second_time_asks_for_itself(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, mail("1"), ask_first=True)
    decide(cast.maya, run, "approve")
    with tenant(cast.halden.id):
        Step.objects.filter(run=run).update(repetition=1)
    workers.drain()
    assert asked(run) == [("plan", "approved"), ("call", "pending")]


def test_inside_a_sub_run_the_approval_of_the_plan_counts(cast: Cast, workers: Workers) -> None:
    inside = [mail("a").as_json()]
    run = start(
        cast.maya, PlannedStep("1", flow.RUN, {"goal": "Inside", "steps": inside}, title="Part"), ask_first=True
    )
    workers.drain()
    assert states(run)[0] == "waiting"
    decide(cast.maya, run, "approve")
    workers.drain()
    assert states(run) == ("succeeded", {"1": "succeeded"})


# Changing ---------------------------------------------------------------------------------------------------------


def test_a_step_is_left_out_and_with_it_what_needs_its_result(cast: Cast, workers: Workers) -> None:
    run = story(cast)
    edit(cast.maya, run, "1/drop", reason="No event")
    assert [len(plan.body["steps"]) for plan in plans(run)] == [3, 1]
    assert plans(run)[1].reason == "No event"
    workers.drain()
    assert states(run) == ("succeeded", {"0": "succeeded"})  # nothing asks any more
    assert asked(run) == [("plan", "withdrawn")]


def test_arguments_are_changed_in_a_form_made_of_the_schema(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, mail("1"), ask_first=True)
    form = page(cast.maya, run, "plan/1/")
    assert RAJ in form
    assert 'name="a-subject"' in form
    fields = {"a-to": "ana@example.com\nbo@example.com", "a-subject": "Hello", "a-body": "Come", "save": "1"}
    assert edit(cast.maya, run, "1", **fields).status_code == HTTPStatus.FOUND
    step = plans(run)[1].body["steps"][0]
    assert step["arguments"] == {"to": ["ana@example.com", "bo@example.com"], "subject": "Hello", "body": "Come"}
    assert "ana@example.com" in step["title"]
    assert "1 change since version 1" in page(cast.maya, run, "card/")
    assert asked(run) == [("plan", "withdrawn"), ("plan", "pending")]
    decide(cast.maya, run, "approve")
    workers.drain()
    assert step_of(run, "1").resolved["subject"] == "Hello"


def test_the_result_of_another_step_is_kept_unless_something_is_written_instead(cast: Cast) -> None:
    run = story(cast)
    fields = {"a-to": RAJ, "a-subject": "Hello", "a-body": "Come", "save": "1"}
    edit(cast.maya, run, "2", **fields)
    assert plans(run)[1].body["steps"][2]["arguments"]["invitation"] == {"$from": "1", "path": "/invitation"}
    edit(cast.maya, run, "2", base=2, **fields, **{"a-invitation": "BEGIN:VCALENDAR"})
    assert plans(run)[2].body["steps"][2]["arguments"]["invitation"] == "BEGIN:VCALENDAR"


def test_another_tool_does_it(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, mail("1"), ask_first=True)
    form = page(cast.maya, run, "plan/1/?tool=mail.write_draft")
    assert RAJ in form  # what both take is kept
    fields = {"tool": "mail.write_draft", "a-to": RAJ, "a-subject": "Hello", "a-body": "Come", "save": "1"}
    edit(cast.maya, run, "1", **fields)
    workers.drain()
    assert states(run)[0] == "succeeded"  # a draft reaches nobody
    assert step_of(run, "1").tool == "mail.write_draft"


def test_a_change_that_makes_no_plan_is_refused_with_the_reason_and_changes_nothing(cast: Cast) -> None:
    run = story(cast)
    answer = edit(cast.maya, run, "2", **{"a-to": "nobody", "a-subject": "", "a-body": "", "save": "1"})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert len(plans(run)) == 1
    circle = edit(cast.maya, run, "1/order", after=["2"])
    assert circle.status_code == HTTPStatus.FOUND
    assert "circle" in page(cast.maya, run, "plan/")
    assert len(plans(run)) == 1


def test_the_order_is_changed_but_never_against_a_result_that_is_used(cast: Cast) -> None:
    run = story(cast)
    edit(cast.maya, run, "0/order", after=["2"])
    assert [step["id"] for step in plans(run)[1].body["steps"]] == ["1", "2", "0"]
    edit(cast.maya, run, "2/order", base=2)
    assert plans(run)[2].body["steps"][1]["depends_on"] == ["1"]


def test_somebody_is_asked_first_and_their_no_leaves_the_step_out(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, mail("1"), ask_first=True)
    told = {"text": "Shall it go out?", "people": cast.tomas.user.email, "quorum": "1"}
    assert edit(cast.maya, run, "1/ask-first", **told).status_code == HTTPStatus.FOUND
    decide(cast.maya, run, "approve")
    workers.drain()
    assert states(run) == ("waiting", {"ask": "answering", "1": "blocked"})
    [address] = questions(cast.tomas)
    assert "Shall it go out?" in cast.tomas.client().get(address).content.decode()
    cast.tomas.client().post(address, {"button": "no"})
    workers.drain()
    assert states(run) == ("succeeded", {"ask": "succeeded", "1": "skipped"})
    assert questions(cast.tomas) == []


def questions(person: Person) -> list[str]:
    shown = person.client().get(f"/o/{person.slug}/runs/questions/").content.decode()
    return [
        part.partition('"')[0] for part in shown.split('href="')[1:] if "/runs/questions/0" in part.partition('"')[0]
    ]


def test_two_people_who_change_at_once_do_not_overwrite_each_other(cast: Cast) -> None:
    run = story(cast)
    assert edit(cast.maya, run, "0/drop").status_code == HTTPStatus.FOUND
    assert edit(cast.maya, run, "2/drop").status_code == HTTPStatus.CONFLICT
    assert len(plans(run)) == 2


def test_what_has_begun_is_not_changed(cast: Cast, workers: Workers) -> None:
    run = story(cast)
    decide(cast.maya, run, "approve")
    workers.drain()
    for path in ("1/drop", "1/order", "1/ask-first"):
        fields = {"a-title": "x", "save": "1", "text": "x", "quorum": "1"}
        assert edit(cast.maya, run, path, **fields).status_code == HTTPStatus.CONFLICT
    assert len(plans(run)) == 1


def test_only_what_is_new_has_to_be_approved(cast: Cast, workers: Workers) -> None:
    wait = PlannedStep("w", flow.WAIT, {"event": "go"}, title="Wait for go")
    run = start(cast.maya, mail("1"), wait, mail("2", needs=("w",), subject="Later"), ask_first=True)
    decide(cast.maya, run, "approve")
    workers.drain()
    assert states(run) == ("sleeping", {"1": "succeeded", "w": "sleeping", "2": "blocked"})
    edit(cast.maya, run, "2", **{"a-to": RAJ, "a-subject": "Even later", "a-body": "Come", "save": "1"})
    with tenant(cast.halden.id):
        consent = Consent.objects.get(run_id=run.id, state=ConsentState.PENDING)
    assert [step["id"] for step in consent.arguments["steps"]] == ["2"]


def test_nobody_else_changes_the_plan(cast: Cast) -> None:
    run = story(cast)
    for path in ("1", "1/drop", "1/order", "1/ask-first"):
        assert edit(cast.tomas, run, path).status_code == HTTPStatus.NOT_FOUND
        assert edit(cast.priya, run, path).status_code == HTTPStatus.NOT_FOUND
    assert cast.tomas.client().get(f"/o/{cast.tomas.slug}/runs/{run.id}/plan/").status_code == HTTPStatus.NOT_FOUND
    assert edit(cast.maya, run, "7/drop").status_code == HTTPStatus.NOT_FOUND


def test_a_program_approves_with_the_same_rules(cast: Cast, workers: Workers) -> None:
    run = story(cast)
    address = f"/api/v1/o/{cast.maya.slug}/approvals/{question(cast.maya, run).id}/decision"
    body = json.dumps({"decision": "reads"})
    answer = cast.maya.client().post(address, body, content_type="application/json").json()
    assert (answer["kind"], answer["scope"], answer["state"]) == ("plan", "reads", "approved")
    workers.drain()
    assert states(run)[1]["1"] == "asking"


def test_how_long_a_plan_takes_is_told_by_what_the_organization_has_seen(cast: Cast, workers: Workers) -> None:
    declared = step_of(start(cast.maya, reading()), "1").expected_seconds
    seen = start(cast.maya, *(reading(str(number)) for number in range(figures.LEAST_CALLS)))
    workers.drain()
    with tenant(cast.maya.organization.id):
        Step.objects.filter(run=seen).update(finished_at=F("effect_started_at") + timedelta(seconds=40))
    figures.forget()
    assert step_of(start(cast.maya, reading()), "1").expected_seconds == pytest.approx(40)
    assert step_of(start(cast.karim, reading()), "1").expected_seconds == declared
