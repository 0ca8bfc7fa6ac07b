"""The one way in which a conversation changes: under its row lock, with the next number."""

import unicodedata
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from chat.models import Message
from jarvis_site.kernel import realtime
from jarvis_site.kernel.errors import NotFound
from jarvis_site.kernel.tenancy.statements import append, fetch

KEPT_CONTROLS = "\n\t"


_TAKE = """
    UPDATE chat_conversation
    SET number = number + %(numbers)s, changed_at = STATEMENT_TIMESTAMP(),
        title = CASE WHEN title = '' THEN %(title)s ELSE title END
    WHERE organization_id = %(organization)s AND id = %(id)s AND member_id = COALESCE(%(member)s, member_id)
    RETURNING member_id, number
"""
_EXTEND = """
    WITH taken AS (
        UPDATE chat_conversation SET number = number + 1, changed_at = STATEMENT_TIMESTAMP()
        WHERE organization_id = %(organization)s AND id = %(conversation)s
        RETURNING number
    )
    UPDATE chat_message SET text = text || %(text)s, number = taken.number FROM taken
    WHERE organization_id = %(organization)s AND id = %(id)s AND writer = %(writer)s AND state = 'writing'
    RETURNING chat_message.number
"""


class Change:
    """A conversation whose row lock is held for the rest of the transaction, and the numbers taken from it."""

    def __init__(self, *, conversation_id: UUID, member_id: UUID, last: int, numbers: int) -> None:
        self.conversation_id = conversation_id
        self.member_id = member_id
        self._numbers = iter(range(last - numbers + 1, last + 1))

    def add(self, **fields: Any) -> Message:
        """Append a message. Numbers only rise, so the number of its making is its position."""
        number = next(self._numbers)
        message = Message(conversation_id=self.conversation_id, position=number, number=number, **fields)
        append(message)
        self._announce(message)
        return message

    def change(self, message: Message, *, where: Mapping[str, Any] | None = None, **fields: Any) -> bool:
        """Change a message. Returns False, with nothing changed, when it is no longer as `where` says."""
        number = next(self._numbers)
        if not Message.objects.filter(id=message.id, **(where or {})).update(number=number, **fields):
            return False
        for name, value in {**fields, "number": number}.items():
            setattr(message, name, value)
        self._announce(message)
        return True

    def _announce(self, message: Message) -> None:
        """Say that a turn is there or has changed; pages fetch it."""
        frame = {"type": "turn", "number": message.number, "id": str(message.id), "state": str(message.state)}
        realtime.publish(f"conversation:{self.conversation_id}", frame)
        realtime.publish(f"chat:{self.member_id}", {"type": "conversations.changed"})


def begin(conversation_id: UUID, *, numbers: int, member_id: UUID | None = None, title: str = "") -> Change:
    """Lock the conversation for the rest of the transaction and take as many numbers as it will make changes.

    Best called as late as possible: a person's next message waits for the same lock.

    Args:
        member_id: where a person acts, who has to be the one it belongs to.
        title: of a conversation that has none yet.

    Raises:
        NotFound: there is no such conversation, or it is somebody else's.
    """
    rows = fetch(_TAKE, id=conversation_id, numbers=numbers, member=member_id, title=title)
    if not rows:
        raise NotFound
    owner, last = rows[0]
    return Change(conversation_id=conversation_id, member_id=owner, last=last, numbers=numbers)


def extend(message: Message, *, writer: UUID, text: str) -> int | None:
    """Let a reply grow, in one statement. Returns the change's number; None when this is no longer its writer."""
    rows = fetch(_EXTEND, conversation=message.conversation_id, id=message.id, writer=writer, text=text)
    return rows[0][0] if rows else None


def clean(text: str) -> str:
    """Remove what no person types: control and unassigned characters, lone surrogates; unify line ends."""
    unified = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = (char for char in unified if char in KEPT_CONTROLS or unicodedata.category(char) not in {"Cc", "Cs", "Cn"})
    return "".join(kept).strip()
