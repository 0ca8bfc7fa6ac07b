"""What others may want to know."""

from dataclasses import dataclass
from uuid import UUID

from jarvis_site.kernel.events import Event


@dataclass(frozen=True)
class ConsentAsked(Event):
    """Somebody was asked; one for each."""

    consent_id: UUID
    run_id: UUID
    member_id: UUID


@dataclass(frozen=True)
class ConsentDecided(Event):
    """It was approved, denied, or its time is over."""

    consent_id: UUID
    run_id: UUID
    step_id: UUID | None
    state: str


@dataclass(frozen=True)
class ConsentWithdrawn(Event):
    """Nobody has to answer it any more: what it asked about will not be done, or not like this."""

    consent_id: UUID


@dataclass(frozen=True)
class GrantIdle(Event):
    """A standing permission will be put to sleep, because nobody uses it."""

    grant_id: UUID
    member_id: UUID


@dataclass(frozen=True)
class GrantSuspended(Event):
    grant_id: UUID
    member_id: UUID


@dataclass(frozen=True)
class StopMade(Event):
    stop_id: UUID


@dataclass(frozen=True)
class StopLifted(Event):
    stop_id: UUID
