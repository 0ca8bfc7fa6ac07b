"""One id joins what belongs to a run: message, step, question, audit row and line of the log lead to each other."""

import logging
import re
from http import HTTPStatus
from typing import Any
from uuid import UUID

import pytest
import structlog

from agents.models import Run, Step
from agents.orchestrator import Origin, ToolExecutor, plan_start
from agents.workflows import worker
from chat.models import Message
from chat.services.conversations import conversation_start
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel.ids import uuid7
from jarvis_site.kernel.jobs import worker as jobs
from jarvis_site.kernel.models import Job
from jarvis_site.kernel.tenancy import tenant
from tests.agents.plans import draft, event, invitation_mail, mail, question, reading, start
from tests.cast import Cast, Person
from tests.engine import Workers

pytestmark = pytest.mark.django_db(transaction=True)


def page(person: Person, path: str, *, status: int = HTTPStatus.OK) -> str:
    answer = person.client().get(f"/o/{person.slug}/{path}")
    assert answer.status_code == status
    return answer.content.decode()


def step_of(person: Person, run: Run, key: str) -> Step:
    with tenant(person.organization.id):
        return Step.objects.get(run=run, key=key)


class Lines(logging.Handler):
    """What goes into the log, with what is bound to it."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        bound = structlog.contextvars.get_contextvars()
        told = record.msg if isinstance(record.msg, dict) else {"event": record.getMessage()}
        self.seen.append({**bound, **told})

    def named(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.seen if line["event"] == name]


@pytest.fixture
def lines() -> Any:
    handler = Lines()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


def test_the_run_leads_to_the_message_that_it_came_from_and_back(cast: Cast, workers: Workers) -> None:
    maya = cast.maya
    with tenant(maya.organization.id, member=maya.membership.id):
        conversation = conversation_start(actor=maya.actor, text="hello")
        reply = Message.objects.get(conversation=conversation)
        origin = Origin(conversation_id=conversation.id, message_id=reply.id)
        run = plan_start(draft=draft(reading()), member_id=maya.membership.id, origin=origin)
        Message.objects.filter(id=reply.id).update(run_id=run.id, author="jarvis", state="done")
    href = f"/o/{maya.slug}/chat/{conversation.id}/#turn-{reply.id}"
    assert f'href="{href}"' in page(maya, f"runs/{run.id}/")
    talk = page(maya, f"chat/{conversation.id}/")
    assert f'id="turn-{reply.id}"' in talk
    assert f"/runs/{run.id}/" in talk


def test_question_step_and_audit_rows_lead_to_each_other(cast: Cast, workers: Workers) -> None:
    maya = cast.maya
    run = start(maya, event(), invitation_mail())
    workers.drain()
    consent = question(maya, run)
    panel = page(maya, f"runs/{run.id}/steps/2/")
    assert f'href="/o/{maya.slug}/approvals/{consent.id}/">Question' in panel
    assert f"/runs/{run.id}/?tab=audit&amp;step=2" in panel
    asked = page(maya, f"approvals/{consent.id}/")
    assert f'href="/o/{maya.slug}/runs/{run.id}/steps/2/"' in asked
    trail = page(maya, f"runs/{run.id}/?tab=audit")
    assert f'href="/o/{maya.slug}/runs/{run.id}/steps/1/"' in trail
    assert f'href="/o/{maya.slug}/approvals/{consent.id}/"' in trail


def test_the_trail_of_one_step_is_about_nothing_else(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, event(), reading("2"))
    workers.drain()
    trail = page(cast.maya, f"runs/{run.id}/?tab=audit&step=1")
    assert "Only what is about step 1" in trail
    assert "steps/1/" in trail
    assert not re.search(r"<tr id=.*?steps/2/", trail, re.DOTALL)


def test_the_page_shows_the_ids_that_the_log_has(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, reading())
    shown = page(cast.maya, f"runs/{run.id}/")
    assert f'data-copy="{run.id}"' in shown
    assert f"step_id={step_of(cast.maya, run, '1').id}" in shown


def test_an_admin_goes_from_the_audit_log_to_the_run_where_they_may(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, reading())
    workers.drain()
    with tenant(cast.halden.id):
        row = AuditEvent.objects.filter(run_id=run.id, resource_type="agents.step").earliest("at")
    address = f"/o/{cast.maya.slug}/admin/audit/auditevent/{row.id}/change/"
    own = cast.maya.client(proven=True).get(address).content.decode()
    assert f"/o/{cast.maya.slug}/runs/{run.id}/steps/1/" in own
    others = cast.tomas.client(proven=True).get(address).content.decode()
    assert f"run_id__exact={run.id}" in others
    assert f"/runs/{run.id}/" not in others


class Bug(ToolExecutor):
    def gate(self, **step: Any) -> Any:  # noqa: ARG002 - it never looks
        raise RuntimeError


def test_lines_of_workers_name_run_and_step(cast: Cast, lines: Lines) -> None:
    run = start(cast.maya, reading())
    step = step_of(cast.maya, run, "1")
    worker.execute(step_id=step.id, organization_id=cast.halden.id, executor=Bug())
    [line] = lines.named("gate_failed")
    assert (line["run_id"], line["step_id"]) == (str(run.id), str(step.id))
    assert structlog.contextvars.get_contextvars().get("run_id") in {None, ""}


class Talkative(ToolExecutor):
    def perform(self, **call: Any) -> Any:
        structlog.get_logger("tool").warning("called")
        return super().perform(**call)


def test_lines_of_tools_name_run_and_step(cast: Cast, lines: Lines) -> None:
    run = start(cast.maya, reading("1"), reading("2", needs=("1",)))
    worker.execute(step_id=step_of(cast.maya, run, "1").id, organization_id=cast.halden.id, executor=Talkative())
    told = [(line["run_id"], line["step_id"]) for line in lines.named("called")]
    assert told == [(str(run.id), str(step_of(cast.maya, run, key).id)) for key in ("1", "2")]


def test_lines_of_requests_and_of_the_answer_to_a_question_name_the_run(
    cast: Cast, workers: Workers, lines: Lines
) -> None:
    run = start(cast.maya, mail())
    workers.drain()
    consent, client = question(cast.maya, run), cast.maya.client()
    client.get(f"/o/{cast.maya.slug}/runs/{run.id}/")
    client.get(f"/o/{cast.maya.slug}/runs/{run.id}/steps/1/")
    client.post(f"/o/{cast.maya.slug}/approvals/{consent.id}/decide/", {"decision": "approve"})
    of_run, of_step, answer = lines.named("request_finished")
    step_id = str(step_of(cast.maya, run, "1").id)
    assert [line["run_id"] for line in (of_run, of_step, answer)] == [str(run.id)] * 3
    assert (of_step["step_id"], answer["step_id"]) == (step_id, step_id)
    assert answer["consent_id"] == str(consent.id)


def test_lines_of_jobs_name_the_run_that_they_are_about(cast: Cast, workers: Workers, lines: Lines) -> None:
    run = start(cast.maya, reading())
    workers.steps()
    with tenant(cast.halden.id):
        Job.objects.filter(arguments__run_id=str(run.id)).delete()
        job = Job.objects.create(name="no.such_job", arguments={"run_id": str(run.id)})
        about = Job.objects.create(name="agents.continue_step", arguments={"run_id": str(run.id), "wrong": 1})
    for job_id in (job.id, about.id):
        assert jobs.run(job_id=job_id, organization_id=cast.halden.id)
    assert [line["run_id"] for line in lines.named("job_failed")] == [str(run.id)]


def test_an_id_of_nothing_leads_nowhere(cast: Cast) -> None:
    page(cast.maya, f"runs/{uuid7()}/", status=HTTPStatus.NOT_FOUND)
    page(cast.maya, f"runs/{UUID(int=0)}/?tab=audit", status=HTTPStatus.NOT_FOUND)
