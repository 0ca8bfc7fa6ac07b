"""What Maya has: one of everything, each with a word in it that nobody else may ever read."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.apps import apps
from django.core.serializers.json import DjangoJSONEncoder

from agents.contracts import PlanAuthor, PlanDraft, PlannedStep, StepState
from agents.models import Run, Step
from agents.orchestrator import Origin, plan_start
from agents.servers.calendar.services.feeds import feed_create
from agents.servers.mail.models import Message as Mail
from chat.models import Message
from chat.services.conversations import conversation_start
from jarvis_site.kernel.tenancy import tenant
from jarvis_site.kernel.tenancy.models import TenantModel
from notifications.services import notify
from permissions.models import Consent
from permissions.selectors import consents_waiting
from permissions.services import consent_approve
from tests.agents.servers import calendar_calls, mail_calls
from tests.cast import Cast, Person
from tests.engine import Workers

CANARY = "zanzibarcanary"
FILE = "plans.txt"


@dataclass(frozen=True)
class World:
    """Maya's things.

    Attributes:
        ids: by the names that addresses, operations and topics use for them.
    """

    cast: Cast
    ids: Mapping[str, str]

    @property
    def maya(self) -> Person:
        return self.cast.maya

    def forbidden(self, person: Person | None) -> tuple[str, ...]:
        """Words that must be in no answer to this person: a colleague may know Maya, a stranger may not."""
        if person is not None and person.organization.id == self.maya.organization.id:
            return (CANARY,)
        # Words that no random token can hold: those have no blanks and no "&".
        return (CANARY, self.maya.email, self.maya.user.name, "Halden &amp; Roe", "Halden & Roe")

    def fill(self, path: str) -> str:
        """An address with Maya's ids for its parameters."""

        def value(match: re.Match[str]) -> str:
            name = match[1]
            if name == "message_id" and "outbox" in path:
                return self.ids["outgoing_id"]
            return self.ids[name]

        return re.sub(r"[<{](?:\w+:)?(\w+)[>}]", value, path)

    def state(self) -> str:
        """Everything in Maya's organization, to see that it stays as it is."""
        with tenant(self.maya.organization.id):
            rows = {model._meta.label: list(model.objects.order_by("id").values()) for model in _tenant_models()}
        return json.dumps(rows, cls=DjangoJSONEncoder, sort_keys=True, indent=1)


def world_made(cast: Cast, workers: Workers) -> World:
    maya = cast.maya
    with tenant(maya.organization.id, member=maya.membership.id):
        conversation = conversation_start(actor=maya.actor, text=f"What is {CANARY}?")
    workers.drain()
    done = _run(maya, workers, title="one")
    _approve(maya)
    workers.drain()
    waiting = _run(maya, workers, title="two")
    event = calendar_calls.call(
        maya,
        "create_event",
        title=CANARY,
        start="2026-11-23T15:00:00Z",
        end="2026-11-23T16:00:00Z",
        timezone="UTC",
    )
    reminder = calendar_calls.call(maya, "create_reminder", text=CANARY, due="2026-12-01T09:00:00Z", timezone="UTC")
    draft = mail_calls.call(maya, "write_draft", to=["raj@example.com"], subject=CANARY, body=CANARY)
    invitation = mail_calls.INVITATION.replace("Call with Raj", CANARY)
    mail_calls.send(maya, subject=CANARY, body=CANARY, invitation=invitation)
    with tenant(maya.organization.id, member=maya.membership.id):
        notify(member_id=maya.membership.id, key=CANARY, icon="bell", title=CANARY, body=CANARY)
        outgoing = Mail.objects.create(
            owner_id=maya.membership.id,
            box=Mail.Box.OUTBOX,
            state=Mail.State.FAILED,
            sender=maya.email,
            to=["raj@example.com"],
            subject=CANARY,
            body=CANARY,
            idempotency_key=CANARY,
        )
        ids = {
            "slug": maya.slug,
            "conversation_id": conversation.id,
            "message_id": Message.objects.filter(conversation=conversation).order_by("position").first().id,
            "run_id": waiting.id,
            "key": "1",
            "consent_id": consents_waiting(actor=maya.actor).get().id,
            "event_id": event["event_id"],
            "reminder_id": reminder["reminder_id"],
            "draft_id": draft["draft_id"],
            "mail_id": Mail.objects.filter(box=Mail.Box.SENT).exclude(invitation="").get().id,
            "outgoing_id": outgoing.id,
            "path": FILE,
            "secret": feed_create(caller=calendar_calls.caller_for(maya)),
            "member_id": maya.membership.id,
            "done_run_id": done.id,
        }
    world = World(cast=cast, ids={name: str(value) for name, value in ids.items()})
    _check(world)
    return world


def _check(world: World) -> None:
    """The canary must sit in every kind of thing, or its absence elsewhere would prove nothing."""
    state = json.loads(world.state())
    singing = {label for label, rows in state.items() if CANARY in json.dumps(rows)}
    assert singing >= {
        "chat.Message",
        "agents.Run",
        "agents.Step",
        "agents.Plan",
        "permissions.Consent",
        "calendar.Event",
        "calendar.Reminder",
        "mail.Message",
        "notifications.Notification",
        "activities.Activity",
    }


def _run(person: Person, workers: Workers, *, title: str) -> Run:
    steps = (
        PlannedStep(
            id="1",
            tool="files.write",
            title=f"Write {CANARY} {title}",
            arguments={"path": FILE, "content": CANARY, "overwrite": False},
        )
        if title == "one"
        else PlannedStep(id="1", tool="files.read", title=f"Read {CANARY}", arguments={"path": FILE}),
        PlannedStep(
            id="2",
            tool="mail.send",
            title=f"Mail {CANARY}",
            depends_on=("1",),
            arguments={"to": ["raj@example.com"], "subject": CANARY, "body": CANARY},
        ),
    )
    with tenant(person.organization.id, member=person.membership.id):
        draft = PlanDraft(goal=f"{CANARY} {title}", author=PlanAuthor.LOCAL, steps=steps)
        run = plan_start(draft=draft, member_id=person.membership.id, origin=Origin())
    workers.drain()
    with tenant(person.organization.id):
        assert Step.objects.get(run=run, key="2").state == StepState.ASKING
    return run


def _approve(person: Person) -> None:
    with tenant(person.organization.id, member=person.membership.id):
        consent_approve(consent_id=Consent.objects.get().id, actor=person.actor)


def _tenant_models() -> Iterable[type[TenantModel]]:
    return [model for model in apps.get_models() if issubclass(model, TenantModel)]
