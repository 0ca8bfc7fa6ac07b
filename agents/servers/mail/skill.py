"""What the local planner understands about mail, and how it becomes steps."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from django.utils.translation import gettext as _

from agents.contracts import Clause, Json, JsonObject, Person, PlannedStep, Question, SkillContext

SUBJECT_CHARACTERS = 60  # as much as a mailbox list shows of a subject
DEFAULT_LIMIT = 10  # messages shown when nobody says how many
_NAMES = re.compile(r"\s*(?:,|;|&|\band\b)\s*", re.IGNORECASE)
_THEM = frozenset(
    {"him", "her", "them", "both", "both of them", "everybody", "everyone", "all of them", "the attendees"}
)
_PLEASANTRY = re.compile(r"^(?:that|to say|saying)\s+", re.IGNORECASE)
_ARTICLE = re.compile(r"^(?:the|my|our|a|an)\s+", re.IGNORECASE)
_READ_FILE = "files.read"
_CREATE_EVENT = "calendar.create_event"


class MailSkill:
    """Mail to people, and mail from them."""

    name = "mail"
    sentences = str(Path(__file__).with_name("sentences.yaml"))
    help = (
        "Email raj@example.com saying the report is ready",
        "Email raj@example.com the invitation for the standup",
        "Draft a mail to Ines about the budget saying: Here are the figures.",
        "Find mails from Raj about the contract",
        "Show my inbox",
        "Read the latest mail from Raj",
        "Show my drafts",
    )

    def build(self, clause: Clause, context: SkillContext) -> tuple[PlannedStep, ...] | Question:
        """Turn a recognised clause into steps, or into a question when something is missing."""
        return _BUILDERS[clause.intent](clause, context)


# Write ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Recipients:
    people: tuple[Person, ...]

    @property
    def emails(self) -> list[Json]:
        return [person.email for person in self.people]

    @property
    def words(self) -> str:
        return ", ".join(_shown(person) for person in self.people)


def _send(clause: Clause, context: SkillContext) -> tuple[PlannedStep, ...] | Question:
    return _message(clause, context, tool="send", title=_("Mail to %(to)s: %(subject)s"))


def _draft(clause: Clause, context: SkillContext) -> tuple[PlannedStep, ...] | Question:
    return _message(clause, context, tool="write_draft", title=_("Draft a mail to %(to)s: %(subject)s"))


def _message(clause: Clause, context: SkillContext, *, tool: str, title: str) -> tuple[PlannedStep, ...] | Question:
    to = _recipients(clause, context, "to")
    if isinstance(to, Question):
        return to
    copies = _recipients(clause, context, "cc") if clause.slots.get("cc") else _Recipients(())
    if isinstance(copies, Question):
        return copies
    said = _PLEASANTRY.sub("", clause.slots.get("body", "").strip())
    if not said:
        return _ask("body", _("What should the mail to %(to)s say?") % {"to": to.words})
    subject = clause.slots.get("subject", "").strip(" .!?") or _subject_of(said)
    subject = subject[:1].upper() + subject[1:]
    arguments: JsonObject = {
        "to": to.emails,
        "subject": subject,
        "body": _letter(to, said[:1].upper() + said[1:], context.request.person),
    }
    if copies.people:
        arguments["cc"] = copies.emails
    return (_step(clause, tool, arguments, title % {"to": to.words, "subject": subject}),)


def _subject_of(said: str) -> str:
    first = re.split(r"(?<=[.!?])\s|\n", said, maxsplit=1)[0].strip(" .!")
    if len(first) <= SUBJECT_CHARACTERS:
        return first
    return first[:SUBJECT_CHARACTERS].rsplit(" ", 1)[0].rstrip(" ,;:") + "…"


def _letter(to: _Recipients, text: str, sender: Person) -> str:
    body = text if text.endswith((".", "!", "?", "…")) else f"{text}."
    return f"{_greeting(to)}\n\n{body}\n\n{_('Kind regards')}\n{sender.name or sender.email}"


def _greeting(to: _Recipients) -> str:
    names = [person.name.split()[0] for person in to.people if person.name and "@" not in person.name]
    if not names or len(names) < len(to.people):
        return _("Hello,")
    return _("Hello %(names)s,") % {"names": _listed(names)}


def _listed(names: list[str]) -> str:
    if len(names) == 1:
        return names[0]
    return _("%(first)s and %(last)s") % {"first": ", ".join(names[:-1]), "last": names[-1]}


def _list_drafts(clause: Clause, context: SkillContext) -> tuple[PlannedStep, ...] | Question:  # noqa: ARG001
    return (_step(clause, "list_drafts", {}, _("List the drafts")),)


def _send_draft(clause: Clause, context: SkillContext) -> tuple[PlannedStep, ...] | Question:  # noqa: ARG001
    """A consent shows the whole letter, which is not known before the draft is found: the Mail page sends drafts."""
    title = _("List the drafts. I do not send them from here; you send them on the Mail page")
    return (_step(clause, "list_drafts", {}, title),)


# Invitations ------------------------------------------------------------------------------------------------------


def _invite(clause: Clause, context: SkillContext) -> tuple[PlannedStep, ...] | Question:
    to = _recipients(clause, context, "to")
    if isinstance(to, Question):
        return to
    if clause.slots.get("event"):
        return _invite_to_named(clause, context, to)
    meant = {_CREATE_EVENT} if "invit" in clause.words.casefold() else {_CREATE_EVENT, _READ_FILE}
    event = next((step for step in reversed(clause.earlier) if step.tool in meant), None)
    if event is not None and event.tool == _READ_FILE:
        return (_content(clause, to, event),)
    if event is None:
        return _ask("event", _("The invitation to which event should I send to %(to)s?") % {"to": to.words})
    name = str(event.arguments["title"])
    when = event.title.removeprefix(f"{name}, ")
    said = _("You are invited to “%(name)s”: %(when)s (%(zone)s).\n\nThe invitation is attached.") % {
        "name": name,
        "when": when,
        "zone": event.arguments["timezone"],
    }
    return (_invitation(clause, context, to, (name, said, event.id)),)


def _content(clause: Clause, to: _Recipients, read: PlannedStep) -> PlannedStep:
    """Send the text of a file that an earlier step reads."""
    name = str(read.arguments["path"]).rpartition("/")[2]
    arguments: JsonObject = {"to": to.emails, "subject": name, "body": {"$from": read.id, "path": "/content"}}
    title = _("Mail the text of %(name)s to %(to)s") % {"name": name, "to": to.words}
    return _step(clause, "send", arguments, title, after=(read.id,))


def _invite_to_named(clause: Clause, context: SkillContext, to: _Recipients) -> tuple[PlannedStep, ...]:
    """Find an event that is in the calendar already and send its invitation."""
    name = _ARTICLE.sub("", clause.slots["event"])
    title = _("Find “%(name)s” in the calendar") % {"name": name}
    found = PlannedStep(str(clause.next_id), "calendar.get_event", {"query": name}, title)
    said = _("You are invited to “%(name)s”. The invitation with the time is attached.") % {"name": name}
    second = replace(clause, next_id=clause.next_id + 1)
    return found, _invitation(second, context, to, (name, said, found.id))


def _invitation(clause: Clause, context: SkillContext, to: _Recipients, invited: tuple[str, str, str]) -> PlannedStep:
    name, said, event_step = invited
    arguments: JsonObject = {
        "to": to.emails,
        "subject": _("Invitation: %(name)s") % {"name": name},
        "body": _letter(to, said, context.request.person),
        "invitation": {"$from": event_step, "path": "/invitation"},
    }
    title = _("Mail the invitation to %(to)s") % {"to": to.words}
    return _step(clause, "send", arguments, title, after=(event_step,))


# Recipients -------------------------------------------------------------------------------------------------------


def _recipients(clause: Clause, context: SkillContext, slot: str) -> _Recipients | Question:
    text = clause.slots.get(slot, "").strip()
    if not text:
        return _ask(slot, _("Whom should I write to?"))
    if text.casefold() in _THEM:
        return _those_before(clause, context, slot)
    people: list[Person] = []
    for name in filter(None, _NAMES.split(text)):
        found = context.people(name)
        if len(found) != 1:
            return _ask_who(name, found)
        people += found
    return _Recipients(tuple(dict.fromkeys(people)))


def _those_before(clause: Clause, context: SkillContext, slot: str) -> _Recipients | Question:
    """Return the people of the step before: "set up a call with Raj and email him the invitation"."""
    for step in reversed(clause.earlier):
        emails = step.arguments.get("attendees") or step.arguments.get("to")
        if isinstance(emails, list) and emails:
            return _Recipients(tuple(person for email in emails for person in context.people(str(email))))
    return _ask(slot, _("Whom should I write to? Please name the address."))


def _ask_who(name: str, found: tuple[Person, ...]) -> Question:
    if not found:
        return Question(_("What is the e-mail address of %(name)s?") % {"name": name}, (), {"name": name})
    options = tuple(f"{person.name} <{person.email}>" for person in found)
    return Question(_("Which %(name)s do you mean?") % {"name": name}, options, {"name": name})


def _shown(person: Person) -> str:
    return person.email if not person.name or person.name == person.email else f"{person.name} <{person.email}>"


# Read -------------------------------------------------------------------------------------------------------------


def _search(clause: Clause, context: SkillContext) -> tuple[PlannedStep, ...] | Question:
    arguments = _criteria(clause, context)
    return (_step(clause, "search", arguments, _("Search mail%(what)s") % {"what": _criteria_words(clause)}),)


def _latest(clause: Clause, context: SkillContext) -> tuple[PlannedStep, ...] | Question:  # noqa: ARG001 - one shape
    written = clause.slots.get("limit", "")
    limit = int(written) if written.isdecimal() else DEFAULT_LIMIT
    return (_step(clause, "search", {"limit": limit}, _("Show the latest mails")),)


def _read(clause: Clause, context: SkillContext) -> tuple[PlannedStep, ...] | Question:
    what = _criteria_words(clause)
    search = {**_criteria(clause, context), "limit": 1}
    found = _step(clause, "search", search, _("Find the latest mail%(what)s") % {"what": what})
    second = replace(clause, next_id=clause.next_id + 1)
    message: JsonObject = {"message_id": {"$from": found.id, "path": "/messages/0/message_id"}}
    return found, _step(second, "read", message, _("Read the latest mail%(what)s") % {"what": what}, after=(found.id,))


def _criteria(clause: Clause, context: SkillContext) -> JsonObject:
    arguments: JsonObject = {}
    if clause.slots.get("query"):
        arguments["query"] = clause.slots["query"].strip(" ?.!")
    if clause.slots.get("sender"):
        sender = clause.slots["sender"].strip(" ?.!")
        found = context.people(sender)
        # Several people of that name, or nobody known: the name itself is searched for.
        arguments["from"] = found[0].email if len(found) == 1 else sender
    return arguments


def _criteria_words(clause: Clause) -> str:
    sender, query = clause.slots.get("sender", "").strip(" ?.!"), clause.slots.get("query", "").strip(" ?.!")
    from_words = _(" from %(sender)s") % {"sender": sender} if sender else ""
    return from_words + (_(" about “%(query)s”") % {"query": query} if query else "")


# Shared -----------------------------------------------------------------------------------------------------------


def _step(clause: Clause, tool: str, arguments: JsonObject, title: str, after: tuple[str, ...] = ()) -> PlannedStep:
    return PlannedStep(str(clause.next_id), f"mail.{tool}", arguments, title, depends_on=after)


def _ask(slot: str, text: str) -> Question:
    return Question(text, (), {"slot": slot})


_BUILDERS: dict[str, Callable[[Clause, SkillContext], tuple[PlannedStep, ...] | Question]] = {
    "SendInvitation": _invite,
    "SendMail": _send,
    "DraftMail": _draft,
    "ListDrafts": _list_drafts,
    "SendDraft": _send_draft,
    "SearchMail": _search,
    "LatestMail": _latest,
    "ReadMail": _read,
}

SKILL = MailSkill()
