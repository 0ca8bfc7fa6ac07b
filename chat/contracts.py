"""Plain shapes of chat."""

from enum import StrEnum


class Author(StrEnum):
    PERSON = "person"
    JARVIS = "jarvis"


class MessageState(StrEnum):
    """A person's message: sent (stored), delivered (a worker has it), read (answered), error (no answer came).
    Jarvis's: writing, then read or error or stopped. "Sending" exists only in the browser."""

    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    WRITING = "writing"
    STOPPED = "stopped"
    ERROR = "error"
