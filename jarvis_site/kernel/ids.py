"""Identifiers: time-ordered UUIDs, made in the application so that a row's id is known before it is stored."""

import os
import time
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

# Names under which one thing is known everywhere: rows, addresses, jobs, and lines of the log.
JOINING = ("run_id", "step_id", "consent_id", "conversation_id", "message_id")

_VERSION_7 = 0x7 << 76
_VARIANT_RFC = 0b10 << 62
_RANDOM_A_MASK = 0xFFF
_RANDOM_B_MASK = (1 << 62) - 1


def uuid7() -> UUID:
    """Return a version 7 UUID: 48 bits of Unix milliseconds, then 74 random bits (RFC 9562, section 5.7).

    Time-ordered keys keep index inserts at one end of the tree; the random part cannot be guessed.
    """
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10))
    random_a = (random >> 62) & _RANDOM_A_MASK
    return UUID(int=milliseconds << 80 | _VERSION_7 | random_a << 64 | _VARIANT_RFC | random & _RANDOM_B_MASK)


def first_at(moment: datetime) -> UUID:
    """Return the smallest version 7 UUID of a moment (aware): rows with smaller ids were made before it."""
    return UUID(int=int(moment.timestamp() * 1000) << 80 | _VERSION_7 | _VARIANT_RFC)


def joining(values: Mapping[str, object]) -> dict[str, str]:
    """Return those of the values that name what something belongs to, as text for the log."""
    return {name: str(values[name]) for name in JOINING if values.get(name)}
