"""The worker's clock is ten minutes ahead, that of the web process ten minutes behind: what is due, leased or over the
database's clock decides."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path

import pytest
from django.utils import timezone

from agents.contracts import StepState, flow
from agents.models import HumanTask, Run, Step
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel.clock import db_now, db_time
from jarvis_site.kernel.tenancy import tenant
from jarvis_site.local.process import wait_until
from permissions.models import Consent
from tests.agents.plans import event, mail, question, start
from tests.cast import Cast
from tests.faults.clocks import clock_moved
from tests.faults.counts import Count
from tests.faults.processes import Engine, ValkeyBroker
from tests.faults.runs import kinds, states, step_now
from tests.faults.test_killed_kinds import BUTTONS, steered
from tests.faults.test_stopping_worker import Held, held
from tests.faults.web import Visitor, Web

__all__ = ["held"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.timeout(300)]

APART = timedelta(minutes=10)
PATIENCE_SECONDS = 60
# Nearer than the clocks are apart, so that whoever goes by the wrong one is too early or too late.
SOON_MINUTES = 5
NAP_SECONDS = 2
# The sweeper looks every second.
SWEEPS_SECONDS = 3


@pytest.fixture
def engine(child_environment: Mapping[str, str], place: Path, held: Held) -> Iterator[Engine]:
    post = {"JARVIS_SMTP_HOST": "127.0.0.1", "JARVIS_SMTP_PORT": str(held.server.port), "JARVIS_SMTP_TLS": "false"}
    ahead = {**child_environment, **post, **clock_moved(APART)}
    engine = Engine(place, ahead, broker=ValkeyBroker(place))
    try:
        engine.start()
        yield engine
    finally:
        held.may_answer.set()
        engine.stop()


@pytest.fixture
def web(child_environment: Mapping[str, str], place: Path, engine: Engine) -> Iterator[Web]:
    web = Web(place, {**child_environment, **engine.broker.environment(), **clock_moved(-APART)})
    web.start()
    yield web
    web.stop()


def test_clocks_that_disagree_change_nothing(
    cast: Cast,
    engine: Engine,
    web: Web,
    held: Held,
    count: Count,
) -> None:
    visitor = web.visitor(cast.maya)
    assert abs(clock_of(visitor) + APART) < timedelta(minutes=1), "the clock was not moved"

    patient = start(
        cast.maya,
        steered("nap", flow.WAIT, minutes=SOON_MINUTES),
        steered("ask", flow.ASK, text="Well?", buttons=BUTTONS, minutes=SOON_MINUTES, default="no"),
        steered("short", flow.WAIT, minutes=NAP_SECONDS / 60),
        event("after", needs=("short",)),
    )
    sending, forgotten = start(cast.maya, mail()), start(cast.maya, mail())
    for run in (sending, forgotten):
        assert wait_until(lambda run=run: states(run)["1"] == StepState.ASKING, seconds=PATIENCE_SECONDS), engine.said()
    consent, late = question(cast.maya, sending), question(cast.maya, forgotten)
    with tenant(cast.halden.id):
        Consent.objects.filter(id=consent.id).update(expires_at=db_now(plus=timedelta(minutes=SOON_MINUTES)))
        Consent.objects.filter(id=late.id).update(expires_at=db_now(plus=-timedelta(minutes=1)))

    assert visitor.press(f"/approvals/{late.id}/decide/", decision="approve").status == HTTPStatus.CONFLICT
    assert visitor.press(f"/approvals/{consent.id}/decide/", decision="approve").status == HTTPStatus.FOUND
    assert held.there.wait(PATIENCE_SECONDS), engine.said()
    assert sweeps_pass(), "time stands still"
    assert kinds(sending).count("step.lost") == 0, "a lease that runs was taken for one that ran out"
    assert {"nap": "sleeping", "ask": "answering"}.items() <= states(patient).items()
    held.may_answer.set()

    assert wait_until(lambda: states(sending) == {"1": "succeeded"}, seconds=PATIENCE_SECONDS), engine.said()
    assert wait_until(lambda: states(patient)["after"] == "succeeded", seconds=PATIENCE_SECONDS), engine.said()
    assert slept(patient) >= NAP_SECONDS
    assert len(held.server.received) == 1
    come_due(patient)
    done = {"nap": "succeeded", "ask": "succeeded", "short": "succeeded", "after": "succeeded"}
    assert wait_until(lambda: states(patient) == done, seconds=PATIENCE_SECONDS), engine.said()
    with tenant(cast.halden.id):
        assert AuditEvent.objects.filter(run_id=sending.id, action="step.succeeded").count() == 1
        assert not Consent.objects.filter(id=late.id, state="approved").exists()
    count("clocks ten minutes apart", worker_min=10, web_min=-10, held=6, effects_doubled=0)


def clock_of(visitor: Visitor) -> timedelta:
    """By how much the process that answers differs from us."""
    return visitor.look("/runs/").at - timezone.now()


def sweeps_pass() -> bool:
    until = db_time() + timedelta(seconds=SWEEPS_SECONDS)
    return wait_until(lambda: db_time() > until, seconds=PATIENCE_SECONDS)


def slept(run: Run) -> float:
    step = step_now(run, "short")
    assert step.started_at is not None and step.finished_at is not None  # noqa: PT018
    return (step.finished_at - step.started_at).total_seconds()


def come_due(run: Run) -> None:
    """Five minutes pass, by the database's clock."""
    past = db_now(plus=-timedelta(seconds=1))
    with tenant(run.organization_id):
        HumanTask.objects.filter(run=run).update(deadline_at=past)
        Step.objects.filter(run=run, not_before__isnull=False, state__in=["sleeping", "answering"]).update(
            not_before=past
        )
