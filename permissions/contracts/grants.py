"""Standing permissions."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Choice(StrEnum):
    """For how long an answer holds. All but `ONCE` make a standing permission, or with `NEVER` a standing refusal."""

    ONCE = "once"
    RUN = "run"
    HALF_HOUR = "half_hour"
    HOUR = "hour"
    TODAY = "today"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class StandingGrant:
    """A permission, or a refusal, that a person has given for calls of a kind.

    Attributes:
        refuses: it says no.
        arguments: have to be exactly these, where they are named.
        run, device: only in this run, on this device; empty: in each.
        until: when it ends; None: not by itself.
    """

    id: str
    tool: str
    refuses: bool = False
    arguments: dict[str, object] = field(default_factory=dict)
    run: str = ""
    device: str = ""
    until: datetime | None = None
