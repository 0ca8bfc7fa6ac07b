"""News about who belongs where, for whoever keeps something open or running on a right."""

from dataclasses import dataclass
from uuid import UUID

from jarvis_site.kernel.events import Event


@dataclass(frozen=True)
class MembershipEnded(Event):
    """A member is in no more: left, was removed, or is suspended.

    Attributes:
        how: `left`, `removed` or `suspended`.
    """

    member_id: UUID
    user_id: UUID
    how: str


@dataclass(frozen=True)
class MembershipChanged(Event):
    """A member has another role, or may do less than before."""

    member_id: UUID
    user_id: UUID


@dataclass(frozen=True)
class ExportFinished(Event):
    """A copy of data is ready for the member who asked for it."""

    export_id: UUID
    member_id: UUID


@dataclass(frozen=True)
class KeyIssued(Event):
    """There is a new API key."""

    key_id: UUID


@dataclass(frozen=True)
class JoinAsked(Event):
    """Somebody with an address of the organization asks to be let in."""

    request_id: UUID


@dataclass(frozen=True)
class JoinAnswered(Event):
    """Somebody who asked was let in, or not."""

    request_id: UUID


@dataclass(frozen=True)
class OrganizationSuspended(Event):
    """Nobody gets in any more."""

    organization_id: UUID


@dataclass(frozen=True)
class DomainRecordMissing(Event):
    """The DNS record of a verified e-mail domain was not found; nothing follows from it yet.

    Attributes:
        since: of the first miss, as text: names this time of being missing.
    """

    domain_id: UUID
    domain: str
    since: str


@dataclass(frozen=True)
class DomainLapsed(Event):
    """The record was missing for too long: the domain opens the organization no more. `since` as above."""

    domain_id: UUID
    domain: str
    since: str


@dataclass(frozen=True)
class DomainRecordBack(Event):
    """The record is there again, and the domain is as it was. `since` as above."""

    domain_id: UUID
    since: str
