"""Plain shapes of accounts that other apps use."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Role(StrEnum):
    """What a member is in one organization, from most to least."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    AUDITOR = "auditor"


class JoinMode(StrEnum):
    """What a person with an address of a verified domain may do."""

    NOTHING = "nothing"
    REQUEST = "request"
    AUTOMATIC = "automatic"


class SignInMethod(StrEnum):
    PASSWORD = "password"  # noqa: S105 - a name
    PASSKEY = "passkey"
    CODE = "code"
    SSO = "sso"


class Protocol(StrEnum):
    """Of single sign-on."""

    OIDC = "oidc"
    SAML = "saml"


class ExportKind(StrEnum):
    PERSON = "person"
    ORGANIZATION = "organization"


class JobState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Effect(StrEnum):
    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Rule:
    """One line about what somebody may.

    Attributes:
        pattern: the name of an action, `group.*`, or `*`.
        source: where it stands, in words: "the role Recruiting", "the team Sales".
    """

    effect: Effect
    pattern: str
    source: str


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, in which organization. Services take it; doors make it.

    Attributes:
        rules: what a custom role and teams add to the role.
        scopes: of the API key that acts for the member; None: it is the member's own session.
    """

    organization_id: UUID
    member_id: UUID
    role: Role
    name: str
    email: str
    timezone: str
    rules: tuple[Rule, ...] = ()
    scopes: tuple[str, ...] | None = None
