"""Live updates over one websocket per page.

A topic is one narrow thing: a conversation, a run, a member's inbox. There is no group for everybody. What is
published may be lost on the way (the channel layer only says "look"), so numbered topics keep their truth in the
database: a client that sees a gap subscribes again with the last number it has and gets what it missed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction

from jarvis_site.kernel.realtime.publisher import close, control_group, send

type Frame = dict[str, Any]

# Close codes. Who is a stranger, or has to sign in, does not come again by itself; the others do.
CLOSE_SIGN_IN = 4401
CLOSE_STRANGER = 4404
CLOSE_COME_AGAIN = 4409


@dataclass(frozen=True, slots=True)
class Door[F]:
    """A topic or a command.

    Attributes:
        content: it shows or changes what was said and done, which not every member may see.
        passive: pages send it by themselves, so it is no sign that somebody is there.
    """

    run: F
    content: bool
    passive: bool = False


@dataclass(frozen=True, slots=True)
class CatchUp:
    """What a client that subscribes has missed.

    Attributes:
        number: number of the newest event; what is published later has higher ones.
        frames: to be sent before anything new, in order.
    """

    number: int
    frames: list[Frame]


type TopicReader = Callable[[Any, UUID, int], CatchUp]
type Command = Callable[[Any, Frame], Frame]

_topics: dict[str, Door[TopicReader]] = {}
_commands: dict[str, Door[Command]] = {}


def topic(kind: str, *, content: bool = True) -> Callable[[TopicReader], TopicReader]:
    """Decorator: `reader(actor, key, after)` says whether the actor may follow `<kind>:<key>` and what it missed.

    The reader raises `NotFound` when the actor may not.
    """

    def register(reader: TopicReader) -> TopicReader:
        _topics[kind] = Door(reader, content)
        return reader

    return register


def command(name: str, *, content: bool = True, passive: bool = False) -> Callable[[Command], Command]:
    """Decorator: `handler(actor, frame)` answers a client's frame of that type. The arguments are those of `Door`."""

    def register(handler: Command) -> Command:
        _commands[name] = Door(handler, content, passive)
        return handler

    return register


def publish(name: str, frame: Frame) -> None:
    """Send a frame to everybody who follows the topic, after the current transaction's commit."""
    transaction.on_commit(lambda: send(name, frame))


def evict(
    *,
    member_id: UUID | None = None,
    user_id: UUID | None = None,
    organization_id: UUID | None = None,
    session_key: str | None = None,
    code: int = CLOSE_SIGN_IN,
) -> None:
    """Close all open sockets of a member, a person, an organization or a session, after the current transaction's
    commit and ahead of everything that waits to be sent.

    Args:
        code: one of the close codes above; with `CLOSE_COME_AGAIN` the page connects anew, with the rights it has now.
    """
    named = {"member": member_id, "user": user_id, "organization": organization_id, "session": session_key}
    groups = [control_group(kind, str(key)) for kind, key in named.items() if key is not None]
    for group in groups:
        transaction.on_commit(partial(close, group, code))


def evict_browser(*, member_id: UUID, browser: str) -> None:
    """Close the sockets that one browser has open as a member, as `evict` does; those of its person in other
    organizations, and of the member's other browsers, stay."""
    transaction.on_commit(partial(close, control_group("browser", f"{member_id}:{browser}"), CLOSE_SIGN_IN))


def reader_of(name: str) -> tuple[Door[TopicReader], UUID] | None:
    """Split `<kind>:<uuid>`; None when there is no such kind or the key is no UUID in its usual spelling.

    In another spelling the same key would be a topic on which nothing is ever said.
    """
    kind, _, text = name.partition(":")
    try:
        key = UUID(text)
    except ValueError:
        return None
    return (_topics[kind], key) if kind in _topics and str(key) == text else None


def command_of(name: str) -> Door[Command] | None:
    return _commands.get(name)


def doors() -> tuple[set[str], set[str]]:
    """Names of all kinds of topics, and of all commands."""
    return set(_topics), set(_commands)
