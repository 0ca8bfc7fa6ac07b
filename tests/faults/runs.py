"""A person's runs in the hands of failing workers."""

from datetime import timedelta

from agents.contracts import StepState
from agents.models import Run, RunEvent, Step
from agents.workflows import sweeper
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.models import Job
from jarvis_site.kernel.tenancy import tenant
from permissions.selectors import consents_waiting
from permissions.services import consent_approve
from tests.cast import Person


def approve(person: Person) -> None:
    with tenant(person.organization.id, member=person.membership.id):
        [consent] = consents_waiting(actor=person.actor)
        consent_approve(consent_id=consent.id, actor=person.actor)


def expire_leases(person: Person) -> None:
    """A dead worker's leases run out, and the sweeper sees it."""
    past = db_now(plus=-timedelta(seconds=1))
    with tenant(person.organization.id):
        Step.objects.filter(state=StepState.RUNNING).update(leased_until=past)
        Job.objects.filter(leased_until__isnull=False).update(leased_until=past)
    sweeper.sweep()


def end_pauses(person: Person) -> None:
    """The time to the next tries is over."""
    with tenant(person.organization.id):
        Step.objects.filter(state=StepState.READY).update(not_before=db_now(plus=-timedelta(seconds=1)))


def run_now(run: Run) -> Run:
    with tenant(run.organization_id):
        return Run.objects.get(id=run.id)


def step_now(run: Run, key: str = "1") -> Step:
    with tenant(run.organization_id):
        return Step.objects.get(run=run, key=key)


def states(run: Run) -> dict[str, str]:
    with tenant(run.organization_id):
        return dict(Step.objects.filter(run=run).values_list("key", "state"))


def kinds(run: Run) -> list[str]:
    """What happened, in order."""
    with tenant(run.organization_id):
        return list(RunEvent.objects.filter(run=run).order_by("number").values_list("kind", flat=True))
