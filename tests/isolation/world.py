"""What Maya has: one of everything made as she makes it, and a row in every other table, each with a word in it that
nobody else may ever read."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

from allauth.mfa.models import Authenticator
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

from accounts.models import Membership, User
from accounts.selectors import actor_of, membership_get
from accounts.services.exports import export_request
from accounts.services.keys import key_create
from accounts.services.organizations import member_add
from agents.batches import Act, batch_start
from agents.contracts import PlanAuthor, PlanDraft, PlannedStep, StepState
from agents.contracts.flow import ASK
from agents.models import HumanTask, Run, Step
from agents.orchestrator import Origin, plan_start
from agents.run_search import Search
from agents.saved_views import view_save
from agents.servers.calendar.services.feeds import feed_create
from agents.servers.mail.models import Message as Mail
from chat.models import Message
from chat.services.conversations import conversation_start
from jarvis_site.kernel.tenancy import tenant
from notifications.contracts import Matter
from notifications.services import notify
from permissions.contracts import StopKind
from permissions.models import Absence, Consent, Grant, Stop
from permissions.selectors import consents_waiting
from permissions.services import consent_approve
from tests.agents.servers import calendar_calls, mail_calls
from tests.cast import PASSWORD, Cast, Person
from tests.engine import Workers
from tests.isolation.seeds import CANARY, COMMON, has_texts, plant, tenant_models, word_for

FILE = "plans.txt"
# Parts of addresses that name no row of Maya's.
_NAMELESS = {"name": "button", "limit": "run-steps-run", "key": "1", "uidb36": "1"}
# There is one for each member, and hers is real: it holds nothing but a digest.
WORDLESS = {"calendar.Feed"}

type Rows = dict[str, dict[str, str]]


@dataclass(frozen=True)
class World:
    """Maya's things.

    Attributes:
        gone: was a member of her organization, and has left.
        ids: by the names that addresses, operations and topics use for them.
        planted: an id of a row in each table, by the model's label.
    """

    cast: Cast
    gone: Person
    ids: Mapping[str, str]
    planted: Mapping[str, str]

    @property
    def maya(self) -> Person:
        return self.cast.maya

    def inside(self, person: Person | None) -> bool:
        """Whether somebody is a member of Maya's organization."""
        same = person is not None and person.organization.id == self.maya.organization.id
        return same and person is not self.gone

    def forbidden(self, person: Person | None) -> tuple[str, ...]:
        """Words that must be in no answer to this person: a colleague may know Maya, a stranger may not."""
        if self.inside(person):
            return (CANARY,)
        # Words that no random token can hold: those have no blanks and no "&".
        return (CANARY, COMMON, self.maya.email, self.maya.user.name, "Halden &amp; Roe", "Halden & Roe")

    def fill(self, path: str) -> str:
        """An address with Maya's ids for its parameters."""
        plain = re.sub(r"[$^]|\(\?P(<\w+>)(?:\[.*?\]\+|\.\+)\)", r"\1", path)
        return re.sub(r"[<{](?:\w+:)?(\w+)[>}]", lambda match: self.id_of(match[1], path), plain)

    def id_of(self, name: str, path: str) -> str:
        """What stands for a parameter: the id of Maya's row of that kind."""
        if name == "object_id":
            return self._administered(path)
        particular = next((row for (of, part), row in self._particular().items() if of == name and part in path), "")
        if particular or name in self.ids:
            return particular or self.ids[name]
        kind = name.removesuffix("_id").replace("_", "")
        ends = [label for label in self.planted if label.lower().endswith(kind)]
        exact = [label for label in ends if label.lower().endswith(f".{kind}")]
        found = exact or ends
        if name.endswith("_id") and len(found) == 1:
            return self.planted[found[0]]
        if name in _NAMELESS:
            return _NAMELESS[name]
        raise KeyError(f"say in tests/isolation/world.py which row of Maya's {name!r} is in {path}")

    def _particular(self) -> dict[tuple[str, str], str]:
        """Rows for parameters that mean another row in some addresses, by name and a part of the address."""
        return {
            ("message_id", "outbox"): self.ids["outgoing_id"],
            ("key", "ask-first"): "2",  # nobody is asked before a step that is over
            ("run_id", "/undo/"): self.ids["done_run_id"],  # what has only read has nothing to take back
            ("request_id", "settings/requests"): self.planted.get("accounts.JoinRequest", ""),
        }

    def _administered(self, path: str) -> str:
        """The row of Maya's that a page of the administration is about."""
        kind = ".".join(path.split("/<path:object_id>", maxsplit=1)[0].split("/")[-2:])
        rows = {label.lower(): key for label, key in self.planted.items()}
        hers = {"accounts.user": self.maya.user.id, "accounts.organization": self.maya.organization.id}
        return rows[kind] if kind in rows else str(hers[kind])

    def state(self) -> Rows:
        """Everything in Maya's organization, to see that it stays as it is: table, id, row."""
        with tenant(self.maya.organization.id):
            return {
                model._meta.label: {str(row["id"]): _text(row) for row in model.objects.values()}
                for model in tenant_models()
            }


def world_made(cast: Cast, workers: Workers) -> World:
    """Everything that Maya made, without what is planted."""
    maya = cast.maya
    with tenant(maya.organization.id, member=maya.membership.id):
        conversation = conversation_start(actor=maya.actor, text=f"What is {CANARY}?")
    workers.drain()
    done = _run(maya, workers, title="one")
    _approve(maya)
    workers.drain()
    waiting = _run(maya, workers, title="two")
    task = _question(maya, workers)
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
        notify(
            member_id=maya.membership.id, matter=Matter.REMINDERS, key=CANARY, icon="bell", title=CANARY, body=CANARY
        )
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
            "task_id": task.id,
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
            "organization_id": maya.organization.id,
            "view_id": view_save(actor=maya.actor, name=CANARY, search=Search(words=CANARY)).id,
            "batch_id": batch_start(actor=maya.actor, act=Act.CANCEL, run_ids=[done.id], reason=CANARY),
            "done_run_id": done.id,
            "key_id": key_create(actor=maya.actor, name=CANARY, scopes=["*"], lifetime=None).key.id,
            "export_id": export_request(actor=maya.actor, about_id=maya.membership.id).id,
            "grant_id": Grant.objects.create(
                member_id=maya.membership.id, tool="mail.send", choice="always", title=CANARY
            ).id,
            "absence_id": _absence(cast).id,
            # Of a device that is not there: it stops nothing.
            "stop_id": Stop.objects.create(
                kind=StopKind.DEVICE, target=uuid4(), reason=COMMON, stopped_by_id=maya.membership.id
            ).id,
        }
    workers.drain()
    return World(cast=cast, gone=_gone(cast), ids={name: str(value) for name, value in ids.items()}, planted={})


def world_planted(cast: Cast, workers: Workers) -> World:
    """The same with a row in every table. No page of Maya's is to be looked at: what is planted makes no sense."""
    world = world_made(cast, workers)
    maya = cast.maya
    with tenant(maya.organization.id, member=maya.membership.id):
        planted = plant(Membership.objects.select_related("user").get(id=maya.membership.id))
    passkey = Authenticator.objects.create(user=maya.user, type=Authenticator.Type.WEBAUTHN, data={"name": CANARY})
    world = replace(
        world,
        ids={**world.ids, "pk": str(passkey.pk)},
        planted={label: str(key) for label, key in planted.items()},
    )
    _check(world)
    return world


def _absence(cast: Cast) -> Absence:
    now = timezone.now()
    return Absence.objects.create(
        member_id=cast.maya.membership.id,
        delegate_id=cast.tomas.membership.id,
        starts_at=now + timedelta(days=1),
        ends_at=now + timedelta(days=2),
    )


def _gone(cast: Cast) -> Person:
    user = User.objects.create_user("nadia@halden.example", PASSWORD, name="Nadia Berg")
    member_add(organization=cast.halden, user=user)
    membership = membership_get(user=user, slug=cast.halden.slug)
    person = Person(user=user, membership=membership, actor=actor_of(membership), organization=cast.halden)
    with tenant(cast.halden.id):
        Membership.objects.filter(id=membership.id).update(left_at=timezone.now())
    return person


def _check(world: World) -> None:
    """The word must sit in every table, or its absence elsewhere would prove nothing."""
    state = world.state()
    silent = [
        model._meta.label
        for model in tenant_models()
        if has_texts(model) and not any(word_for(model) in row for row in state[model._meta.label].values())
    ]
    assert set(silent) <= WORDLESS, silent


def _text(row: dict[str, Any]) -> str:
    return json.dumps(row, cls=DjangoJSONEncoder, sort_keys=True)


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


def _question(person: Person, workers: Workers) -> HumanTask:
    """A run that waits for an answer of hers."""
    step = PlannedStep(id="1", tool=ASK, title=f"Ask {CANARY}", arguments={"text": f"What is {CANARY}?"})
    with tenant(person.organization.id, member=person.membership.id):
        draft = PlanDraft(goal=f"{CANARY} three", author=PlanAuthor.LOCAL, steps=(step,))
        run = plan_start(draft=draft, member_id=person.membership.id, origin=Origin())
    workers.drain()
    with tenant(person.organization.id):
        return HumanTask.objects.get(run=run)


def _approve(person: Person) -> None:
    with tenant(person.organization.id, member=person.membership.id):
        consent_approve(consent_id=Consent.objects.get().id, actor=person.actor)
