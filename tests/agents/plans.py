"""Plans for tests, started as the chat does it."""

from agents.contracts import JsonObject, PlanAuthor, PlanDraft, PlannedStep
from agents.models import Run, Step
from agents.orchestrator import Origin, plan_start, tools
from agents.planner.validation import validate
from jarvis_site.kernel.tenancy import tenant
from permissions.models import Consent
from tests.cast import Person

RAJ = "raj@example.com"


def draft(*steps: PlannedStep, goal: str = "Set up a call with Raj") -> PlanDraft:
    return PlanDraft(goal=goal, author=PlanAuthor.LOCAL, steps=steps)


def event(step: str = "1", *, title: str = "Call with Raj", needs: tuple[str, ...] = ()) -> PlannedStep:
    """Changes only one's own calendar: done at once."""
    arguments: JsonObject = {
        "title": title,
        "start": "2026-11-23T15:00:00+00:00",
        "end": "2026-11-23T15:30:00+00:00",
        "timezone": "UTC",
        "attendees": [RAJ],
    }
    said = f"Put “{title}” into the calendar, Monday 23 November, 15:00"
    return PlannedStep(id=step, tool="calendar.create_event", title=said, arguments=arguments, depends_on=needs)


def mail(step: str = "1", *, needs: tuple[str, ...] = (), **arguments: object) -> PlannedStep:
    """Reaches other people: asks."""
    told: JsonObject = {"to": [RAJ], "subject": "Invitation", "body": "Dear Raj,\n\nplease come.\n\nMaya"}
    title = f"Mail the invitation to {RAJ}"
    return PlannedStep(id=step, tool="mail.send", title=title, arguments={**told, **arguments}, depends_on=needs)  # type: ignore[dict-item]


def invitation_mail(step: str = "2", *, after: str = "1") -> PlannedStep:
    return mail(step, needs=(after,), invitation={"$from": after, "path": "/invitation"})


def reading(step: str = "1", *, needs: tuple[str, ...] = ()) -> PlannedStep:
    """Only reads: done at once."""
    return PlannedStep(id=step, tool="files.list", title="List the files", arguments={"path": ""}, depends_on=needs)


def start(person: Person, *steps: PlannedStep, goal: str = "Set up a call with Raj", ask_first: bool = False) -> Run:
    with tenant(person.organization.id, member=person.membership.id):
        plan = draft(*steps, goal=goal)
        assert validate(plan, tools()) == ()
        return plan_start(draft=plan, member_id=person.membership.id, origin=Origin(), ask_first=ask_first)


def states(run: Run) -> tuple[str, dict[str, str]]:
    """The run's state, and that of each step by its key."""
    with tenant(run.organization_id):
        steps = dict(Step.objects.filter(run=run).order_by("position", "key").values_list("key", "state"))
        return Run.objects.get(id=run.id).state, steps


def step_of(run: Run, key: str) -> Step:
    with tenant(run.organization_id):
        return Step.objects.get(run=run, key=key)


def question(person: Person, run: Run) -> Consent:
    """The newest question about a run."""
    with tenant(person.organization.id):
        return Consent.objects.filter(run_id=run.id).latest("asked_at")
