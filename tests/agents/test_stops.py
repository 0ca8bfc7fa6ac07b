"""Emergency stops: nothing new starts, what is under way is told, and everything goes on when the stop is lifted."""

import time
from uuid import UUID, uuid4

import pytest

from agents.contracts import STOPPED, PlannedStep, ToolCall, flow
from agents.models import Run, Step
from agents.orchestrator import ToolExecutor, halts
from agents.services.stopping import everything_stop, in_flight_now
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.tenancy import tenant
from jarvis_site.local.process import wait_until
from permissions import standing
from permissions.contracts import StopKind
from permissions.models import Stop
from tests.agents.plans import start, states, step_of
from tests.agents.steering import wake, write
from tests.cast import Cast, Person
from tests.engine import Workers

pytestmark = pytest.mark.django_db(transaction=True)

# The promise is three seconds for 99 of 100; the watch looks twice a second.
TOLD_SECONDS = 3.0
STOPS = "/o/halden-roe/settings/stops/"


def stop(person: Person, kind: StopKind, target: UUID) -> Stop:
    with tenant(person.organization.id, member=person.membership.id):
        made = everything_stop(kind=kind, target=target, reason="It went wrong", actor=person.actor)
    standing.forget()  # what another process would do half a second later
    return made


def lift(person: Person, made: Stop) -> None:
    answer = person.client().post(f"{STOPS}{made.id}/lift/")
    assert answer.status_code == 302
    standing.forget()


def actions(person: Person) -> list[str]:
    with tenant(person.organization.id):
        found = AuditEvent.objects.filter(action__startswith="stop.").order_by("at")
        return list(found.values_list("action", flat=True))


def test_what_is_stopped_for_a_person_waits_and_goes_on_from_there(cast: Cast, workers: Workers) -> None:
    made = stop(cast.priya, StopKind.MEMBER, cast.priya.membership.id)
    run = start(cast.priya, write("1", "a.txt"), write("2", "b.txt", needs=("1",)))
    workers.drain()
    assert states(run) == ("sleeping", {"1": "sleeping", "2": "blocked"})
    lift(cast.priya, made)
    wake(workers)
    assert states(run) == ("succeeded", {"1": "succeeded", "2": "succeeded"})
    assert actions(cast.priya) == ["stop.made", "stop.lifted"]


def test_a_stop_of_the_organization_reaches_everybody_in_it_and_nobody_else(cast: Cast, workers: Workers) -> None:
    stop(cast.tomas, StopKind.ORGANIZATION, cast.tomas.organization.id)
    inside, outside = start(cast.priya, write("1", "a.txt")), start(cast.karim, write("1", "a.txt"))
    workers.drain()
    assert states(inside)[0] == "sleeping"
    assert states(outside)[0] == "succeeded"


def test_a_stopped_run_takes_its_parts_along(cast: Cast, workers: Workers) -> None:
    inner = [{"id": "1", "tool": "files.write", "arguments": {"path": "a.txt", "content": "x"}, "title": "Write"}]
    part = PlannedStep("part", flow.RUN, {"goal": "A part", "steps": inner}, title="A part")
    run, other = start(cast.priya, part), start(cast.priya, write("1", "b.txt"))
    made = stop(cast.priya, StopKind.RUN, run.id)
    workers.drain()
    with tenant(cast.priya.organization.id):
        below = Run.objects.get(parent_step_id=step_of(run, "part").id)
    assert (states(below)[0], states(other)[0]) == ("sleeping", "succeeded")
    lift(cast.priya, made)
    wake(workers)
    wake(workers)
    assert (states(below)[0], states(run)[0]) == ("succeeded", "succeeded")


def test_two_stops_have_to_be_lifted_both(cast: Cast, workers: Workers) -> None:
    mine = stop(cast.priya, StopKind.MEMBER, cast.priya.membership.id)
    stop(cast.tomas, StopKind.ORGANIZATION, cast.tomas.organization.id)
    run = start(cast.priya, write("1", "a.txt"))
    workers.drain()
    lift(cast.priya, mine)
    wake(workers)
    assert states(run)[0] == "sleeping"


def test_what_is_under_way_is_told_within_three_seconds_and_shown(cast: Cast, workers: Workers) -> None:
    run = start(cast.priya, write("1", "a.txt"))
    with tenant(cast.priya.organization.id):
        Step.objects.filter(run=run).update(state="running", leased_until=db_now(), started_at=db_now())
    with tenant(cast.priya.organization.id), halts.watched(run) as stopped:
        assert not stopped()
        made = stop(cast.priya, StopKind.MEMBER, cast.priya.membership.id)
        began = time.monotonic()
        assert wait_until(stopped, seconds=TOLD_SECONDS)
        assert time.monotonic() - began <= TOLD_SECONDS
        assert [step.id for step, _run in in_flight_now(made)] == [step_of(run, "1").id]
    page = cast.priya.client().get(STOPS).content.decode()
    assert "1 step was under way" in page
    assert step_of(run, "1").title in page


def test_a_call_that_was_told_has_no_effect(cast: Cast, workers: Workers) -> None:
    run = start(cast.priya, write("1", "a.txt"))
    stop(cast.priya, StopKind.RUN, run.id)
    call = ToolCall(tool="files.write", arguments={"path": "a.txt", "content": "x"}, idempotency_key=str(uuid4()))
    with tenant(cast.priya.organization.id, member=cast.priya.membership.id):
        result = ToolExecutor().perform(run=run, call=call)
        assert result.failure is not None
        assert result.failure.code == STOPPED
        assert not result.failure.outcome_unknown


def test_everybody_stops_their_own_and_only_who_may_that_of_others(cast: Cast) -> None:
    client = cast.priya.client()
    for kind, target in [
        (StopKind.MEMBER, cast.tomas.membership.id),
        (StopKind.ORGANIZATION, cast.priya.organization.id),
    ]:
        assert client.post(f"{STOPS}stop/", {"kind": kind.value, "target": target}).status_code == 403
    for kind, target in [
        (StopKind.RUN, uuid4()),
        (StopKind.MEMBER, cast.karim.membership.id),
        (StopKind.ORGANIZATION, cast.karim.organization.id),
        (StopKind.DEVICE, uuid4()),
    ]:
        assert client.post(f"{STOPS}stop/", {"kind": kind.value, "target": target}).status_code == 404
    mine = {"kind": "member", "target": cast.priya.membership.id}
    assert client.post(f"{STOPS}stop/", mine).status_code == 302
    assert client.post(f"{STOPS}stop/", mine).status_code == 409
    assert client.post(f"{STOPS}stop/", {"kind": "nothing", "target": "x"}).status_code == 400
    assert cast.tomas.client().post(f"{STOPS}stop/", {**mine, "target": cast.tomas.membership.id}).status_code == 302


def test_a_stop_that_somebody_else_made_is_not_lifted_by_whom_it_stops_together_with_others(cast: Cast) -> None:
    made = stop(cast.tomas, StopKind.ORGANIZATION, cast.tomas.organization.id)
    assert cast.priya.client().post(f"{STOPS}{made.id}/lift/").status_code == 403
    assert "Everything in the organization" in cast.priya.client().get(STOPS).content.decode()
