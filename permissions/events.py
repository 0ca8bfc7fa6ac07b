"""What others may want to know."""

from dataclasses import dataclass
from uuid import UUID

from jarvis_site.kernel.events import Event


@dataclass(frozen=True)
class ConsentAsked(Event):
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
