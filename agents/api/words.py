"""Words that are to become a run. They are said in a conversation, which stands above this app: chat takes them here,
so that the planner is asked by a durable job, can ask back, and the person finds it all in the chat."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from accounts.contracts import Actor


@dataclass(frozen=True, slots=True)
class Asked:
    """Where the answer will be."""

    conversation_id: UUID
    message_id: UUID


class Listener(Protocol):
    def __call__(self, *, actor: Actor, words: str) -> Asked: ...


_listeners: list[Listener] = []


def listening[F: Callable[..., Asked]](function: F) -> F:
    """Decorator for the one function that takes the words and has them answered."""
    if _listeners:
        raise RuntimeError("words have two listeners")
    _listeners.append(function)
    return function


def say(*, actor: Actor, words: str) -> Asked:
    return _listeners[0](actor=actor, words=words)
