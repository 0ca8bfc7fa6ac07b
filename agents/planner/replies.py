"""The model's streamed reply, piece by piece, into text and at most one plan or question.

The pieces come from outside through a client that does not check them: any attribute may be missing or of any type.
"""

import json
from typing import Never

from agents.contracts import Json, PlanAuthor, PlanFault, Proposal, Question
from agents.errors import PlanUnreadable
from agents.planner.drafts import parse_draft
from agents.planner.prompts import ASK_USER, PROPOSE_PLAN
from agents.planner.values import printable, shown
from agents.planner.wire import TooLargeError

MAX_TEXT = 100_000  # characters of a reply: thirty pages, more than anybody reads in a chat
MAX_ARGUMENTS = 512 * 1024  # characters of a function call: the fifty largest sensible steps, not ten thousand small
MAX_NAME = 64  # characters; the length that the API allows to function names
MAX_QUESTION = 1_000  # characters
MAX_OPTIONS = 8  # buttons below a question; more is a list to read, not a choice to click
MAX_OPTION = 120  # characters on a button


class Reply:
    """What has arrived of one reply so far.

    Attributes:
        started: a piece of the reply has arrived.
        spoken: text was handed out to be shown.
        finish: why the model stopped, empty while it has not.
    """

    def __init__(self) -> None:
        self.started = False
        self.spoken = False
        self.finish = ""
        self._length = 0
        self._name = ""
        self._arguments: list[str] = []
        self._arguments_length = 0
        self._called = False
        self._index: object = None

    def feed(self, chunk: object) -> str:
        """Take in one chunk and return the text in it.

        Raises:
            TooLargeError: the text is longer than any sensible one.
            PlanUnreadable: the plan is larger than any sensible one, or there are several function calls.
        """
        self.started = True
        choices = getattr(chunk, "choices", None)
        if not isinstance(choices, list) or not choices:
            return ""  # a usage report, or a keep-alive of some servers
        delta = getattr(choices[0], "delta", None)
        for call in _list(getattr(delta, "tool_calls", None)):
            self._take_call(call)
        self.finish = _str(getattr(choices[0], "finish_reason", None)) or self.finish
        return self._text(_str(getattr(delta, "content", None)) or _str(getattr(delta, "refusal", None)))

    @property
    def characters(self) -> int:
        """How much has arrived, shown or not."""
        return self._length + len(self._name) + self._arguments_length

    def outcome(self) -> Proposal | Question | None:
        """Return what the function call says, or None when the reply was only text.

        Raises:
            PlanUnreadable: the reply is empty or its function call makes no sense.
        """
        if not self._called:
            if not self.spoken:
                unreadable("empty", "The reply was empty.")
            return None
        if self._name == PROPOSE_PLAN:
            return _proposal(self._parsed())
        if self._name == ASK_USER:
            return _question(self._parsed())
        return unreadable("unknown_function", f"There is no function named {shown(self._name)}.")

    def _text(self, content: str) -> str:
        self._length += len(content)
        if self._length > MAX_TEXT:
            raise TooLargeError
        text = printable(content)
        # Some models send blanks before a function call; an empty bubble must not appear for them.
        if not self.spoken:
            text = text.lstrip()
        self.spoken = self.spoken or bool(text)
        return text

    def _take_call(self, call: object) -> None:
        index, function = getattr(call, "index", None), getattr(call, "function", None)
        if not self._called:
            self._called, self._index = True, index
        elif index is not None and index != self._index:
            unreadable("several_calls", "The reply calls more than one function.")
        self._name = (self._name + _str(getattr(function, "name", None)))[:MAX_NAME]
        piece = _str(getattr(function, "arguments", None))
        self._arguments_length += len(piece)
        if self._arguments_length > MAX_ARGUMENTS:
            unreadable("too_large", f"The plan is larger than {MAX_ARGUMENTS // 1024} kB.")
        self._arguments.append(piece)

    def _parsed(self) -> Json:
        try:
            value: Json = json.loads("".join(self._arguments), parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            unreadable("bad_json", "The arguments of the function call are not valid JSON.")
        return value


def unreadable(code: str, message: str) -> Never:
    raise PlanUnreadable([PlanFault(code, message)])


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is not JSON")


def _proposal(raw: Json) -> Proposal:
    draft = parse_draft(raw, author=PlanAuthor.MODEL)
    if isinstance(draft, tuple):
        raise PlanUnreadable(draft)
    return Proposal(draft, revises=isinstance(raw, dict) and raw.get("revises") is True)


def _question(raw: Json) -> Question:
    text = raw.get("text") if isinstance(raw, dict) else None
    options = raw.get("options") if isinstance(raw, dict) else None
    if not isinstance(text, str) or not printable(text).strip() or len(text) > MAX_QUESTION:
        unreadable("bad_question", f"The question has no text of at most {MAX_QUESTION} characters.")
    question = printable(text).strip()
    return Question(text=question, options=_options(options), resume={"question": question})


def _options(raw: object) -> tuple[str, ...]:
    """Keep the usable options; the person can always answer freely, so a bad one is no reason to ask again."""
    texts = [printable(item).strip() for item in _list(raw) if isinstance(item, str)]
    return tuple(dict.fromkeys(text for text in texts if 0 < len(text) <= MAX_OPTION))[:MAX_OPTIONS]


def _str(value: object) -> str:
    return value if isinstance(value, str) else ""


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
