"""Jarvis's replies: written token by token by a worker, stored as they grow, each by one writer at a time."""

import time
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.contracts import Actor
from accounts.selectors import actor_at_work
from agents.contracts import CurrentPlan, Person, PlanRequest, Proposal, Question, Speaker, TextDelta, Turn
from agents.errors import PlannerFailed
from agents.orchestrator import Origin, current_plan, people_named, plan_revise, plan_start, reply_to, tools
from agents.planner.turns import Refused
from agents.selectors import run_under_way
from chat.contracts import Author, MessageState
from chat.models import Message
from chat.services import changes
from chat.services.conversations import answer_next, unanswered
from jarvis_site.kernel import realtime
from jarvis_site.kernel.clock import db_time
from jarvis_site.kernel.errors import Conflict
from jarvis_site.kernel.ids import uuid7

log = structlog.get_logger(__name__)

# Often enough to look like typing, seldom enough that a long reply is some dozens of updates.
FLUSH_SECONDS = 0.06
# What the planner gets to see of the conversation.
HISTORY_TURNS = 20
HISTORY_CHARACTERS = 12_000


class Stopped(Exception):
    pass


def reply(*, message_id: UUID) -> None:
    """Answer one message of the person, unless an earlier one has to be answered first."""
    message = Message.objects.select_related("conversation").filter(id=message_id, author=Author.PERSON).first()
    if message is None:
        return
    actor = actor_at_work(member_id=message.conversation.member_id)
    with timezone.override(ZoneInfo(actor.timezone)):
        writer = _begin(message)
        if writer is not None:
            _answer(writer, actor)


class Writer:
    """The growing reply. Text is collected and stored in small batches; an outdated writer is stopped."""

    def __init__(self, *, member_id: UUID, question: Message, reply: Message, token: UUID) -> None:
        self.member_id = member_id
        self.question = question
        self.reply = reply
        self.token = token
        self.length = 0
        self.current: CurrentPlan | None = None
        self._waiting = ""
        self._flushed = 0.0

    def write(self, text: str) -> None:
        self._waiting += text
        if time.monotonic() - self._flushed >= FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        if self._waiting:
            self._append(self._waiting)
            self._waiting = ""
        self._flushed = time.monotonic()

    def _append(self, text: str) -> None:
        number = changes.extend(self.reply, writer=self.token, text=text)
        if number is None:
            raise Stopped
        frame = {"type": "delta", "number": number, "id": str(self.reply.id), "offset": self.length, "text": text}
        realtime.publish(f"conversation:{self.reply.conversation_id}", frame)
        self.length += len(text)

    @transaction.atomic
    def finish(
        self, state: MessageState, *, proposal: Proposal | None = None, question: Question | None = None
    ) -> None:
        """Close the reply; a proposed plan starts in the same transaction, so there is never one without the other."""
        conversation_id = self.reply.conversation_id
        fields: dict[str, object] = {"state": state, "writer": None}
        if question is not None:
            fields |= {"options": list(question.options), "resume": question.resume}
        if proposal is not None and self.current is not None and proposal.revises:
            plan_revise(current=self.current, draft=proposal.draft, reason=self.question.text[:500])
            fields["run_id"] = self.current.run_id
        elif proposal is not None:
            origin = Origin(conversation_id=conversation_id, message_id=self.reply.id)
            run = plan_start(draft=proposal.draft, member_id=self.member_id, origin=origin, ask_first=True)
            fields["run_id"] = run.id
        before = self._stood_at(fields.get("run_id"))
        change = changes.begin(conversation_id, numbers=3 if before else 2)
        if not change.change(self.reply, where={"writer": self.token, "state": MessageState.WRITING}, **fields):
            raise Stopped
        change.change(self.question, state=MessageState.READ)
        if before is not None:
            change.change(before, run_id=before.run_id)  # shown anew, without the card
        answer_next(conversation_id)

    def _stood_at(self, run_id: object) -> Message | None:
        """The turn where the plan's card has stood so far; it stands at the one that speaks of it last."""
        if self.current is None or run_id != self.current.run_id:
            return None
        earlier = Message.objects.filter(conversation_id=self.reply.conversation_id, run_id=self.current.run_id)
        return earlier.order_by("-position").first()


@transaction.atomic
def _begin(message: Message) -> Writer | None:
    """Become the writer of the reply. None when it is answered already, or when an earlier message comes first."""
    change = changes.begin(message.conversation_id, numbers=2)
    first = unanswered(message.conversation_id)
    if first is None or first.id != message.id:
        transaction.set_rollback(True)  # nothing changes, so no number is used
        return None
    token = uuid7()
    change.change(first, state=MessageState.DELIVERED)
    reply = Message.objects.filter(answers=first).first()
    if reply is None:
        fields = {"author": Author.JARVIS, "state": MessageState.WRITING, "answers": first, "writer": token}
        reply = change.add(**fields)
    else:
        # The worker that wrote this reply has died: begin again, from nothing.
        change.change(reply, state=MessageState.WRITING, text="", writer=token)
    return Writer(member_id=change.member_id, question=first, reply=reply, token=token)


def _answer(writer: Writer, actor: Actor) -> None:
    try:
        _converse(writer, actor)
    except Stopped:
        log.info("reply_stopped", message_id=str(writer.question.id))
    except PlannerFailed as error:
        _give_up(writer, str(error.message))
    except Exception:  # a door's top level: whatever went wrong, the person must be told and the next one answered
        log.exception("reply_failed")
        _give_up(writer, _("Something went wrong on our side. Nothing was done, and your message is kept."))


def _converse(writer: Writer, actor: Actor) -> None:
    proposal: Proposal | None = None
    asked: Question | None = None
    request = _request(writer.question, actor)
    writer.current = request.current
    for output in reply_to(request):
        match output:
            case TextDelta(text=text):
                writer.write(text)
            case Proposal():
                proposal = output
                _write_apart(writer, output.draft.note)
            case Question():
                asked = output
                _write_apart(writer, output.text)
            case Refused(message=text):
                _write_apart(writer, text)
    writer.flush()
    try:
        writer.finish(MessageState.READ, proposal=proposal, question=asked)
    except Conflict:
        _give_up(writer, _("What was being done has moved on meanwhile. Nothing was changed; please say it again."))


def _write_apart(writer: Writer, text: str) -> None:
    """A note of its own: in a new paragraph when something was said before."""
    writer.flush()
    if text.strip():
        writer.write(f"\n\n{text}" if writer.length else text)


def _give_up(writer: Writer, sentence: str) -> None:
    try:
        _write_apart(writer, sentence)
        writer.flush()
        writer.finish(MessageState.ERROR)
    except Stopped:
        log.info("reply_stopped", message_id=str(writer.question.id))


def _request(message: Message, actor: Actor) -> PlanRequest:
    earlier = list(
        Message.objects.filter(conversation_id=message.conversation_id, position__lt=message.position).order_by(
            "-position"
        )[:HISTORY_TURNS]
    )
    run = run_under_way(conversation_id=message.conversation_id, actor=actor)
    pending = earlier[0].resume if earlier and not earlier[0].is_mine else None
    return PlanRequest(
        words=message.text,
        now=timezone.localtime(db_time(), ZoneInfo(actor.timezone)),
        person=Person(name=actor.name, email=actor.email),
        tools=tools(),
        people=people_named(words=message.text, actor=actor),
        history=_history(earlier, told_from=_first_told(message)),
        pending=pending,
        current=current_plan(run) if run else None,
    )


def _first_told(message: Message) -> int | None:
    """Position of the first turn in which a run has told something; None when none has. All that Jarvis says from
    there on may repeat what somebody outside has written."""
    told = Message.objects.filter(
        conversation_id=message.conversation_id,
        author=Author.JARVIS,
        answers__isnull=True,
        position__lt=message.position,
    )
    return told.order_by("position").values_list("position", flat=True).first()


def _history(earlier: list[Message], *, told_from: int | None) -> tuple[Turn, ...]:
    turns: list[Turn] = []
    room = HISTORY_CHARACTERS
    for message in earlier:
        if not message.text or len(message.text) > room:
            continue
        room -= len(message.text)
        speaker = Speaker.PERSON if message.is_mine else Speaker.JARVIS
        outside = speaker is Speaker.JARVIS and told_from is not None and message.position >= told_from
        turns.append(Turn(speaker=speaker, text=message.text, outside=outside))
    return tuple(reversed(turns))
