"""Whether a session is good enough for an organization, which may ask for a second factor, for a proof that is not too
old, and for certain ways to sign in.

No database here: the organization comes with the membership, and the session holds how and when the person signed in
(allauth's records). Doors ask `require` for every request and frame.
"""

import hashlib
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from allauth.account.authentication import get_authentication_records
from django.utils.translation import gettext_lazy as _

from accounts.contracts import SignInMethod
from jarvis_site.kernel.errors import Forbidden

type Record = Mapping[str, Any]

# In the session: when the person last did something, by organization (only where that matters) and on the whole site.
SEEN = "seen"
# In the session: which browser it is, for as long as the person stays signed in. The session's own key changes with a
# new password, and whoever has it has the session; this is for keeping, and opens nothing.
BROWSER = "browser"


class Rules(Protocol):
    """What an organization asks of sessions."""

    id: UUID
    mfa_required: bool
    idle_minutes: int | None
    session_hours: int | None
    sign_in_methods: list[str]


class Ended(Protocol):
    """What an organization's admins have ended of a member."""

    sessions_ended_at: datetime | None
    ended_sessions: dict[str, float]


class SessionNotEnough(Forbidden):
    """The person belongs here, but this session does not satisfy the organization's rules."""

    code = "sign_in_again"
    message = _("Sign in again to go on here. Nothing was changed.")
    leads_to = "account_prove"


class SessionIdle(SessionNotEnough):
    code = "session_idle"
    message = _("You were away for a while. Show that it is you, and go on.")


class OtherMethodNeeded(SessionNotEnough):
    code = "sign_in_method"
    message = _("This organization wants another way to sign in.")
    leads_to = "account_other_way"


class SecondFactorNeeded(SessionNotEnough):
    code = "second_factor_required"
    message = _("This organization wants a second factor.")
    leads_to = "account_second_factor"


class _Holder:
    """What allauth looks at of a request."""

    def __init__(self, session: Any) -> None:
        self.session = session


def records_of(*, session: Any, user: Any) -> list[Record]:
    """How this person has proven in this session who they are, the oldest first."""
    records: list[Record] = get_authentication_records(_Holder(session), user)
    return records


def browser_of(session: Any) -> str:
    """Which browser a session belongs to; for sessions older than this mark, a digest of their key."""
    mark: str = session.get(BROWSER, "")
    return mark or hashlib.sha256((session.session_key or "").encode()).hexdigest()


def session_ended_at(*, membership: Ended, session: Any) -> float:
    """When an admin has ended this session in the organization, in seconds since 1970; 0.0: never."""
    everywhere = membership.sessions_ended_at.timestamp() if membership.sessions_ended_at else 0.0
    if not membership.ended_sessions:
        return everywhere
    return max(everywhere, membership.ended_sessions.get(browser_of(session), 0.0))


def proven_at(*, session: Any, user: Any) -> float:
    """When the person has last shown in this session that it is them; 0.0: never."""
    return max((float(record["at"]) for record in records_of(session=session, user=user)), default=0.0)


def require(*, rules: Rules, session: Any, user: Any, ended_at: float) -> None:
    """Raise what is missing.

    Args:
        ended_at: when an admin has ended this session here; older proofs do not count.

    Raises:
        SessionNotEnough: or one of its kinds.
    """
    if not (rules.mfa_required or rules.idle_minutes or rules.session_hours or rules.sign_in_methods or ended_at):
        return
    now = time.time()
    records = [record for record in records_of(session=session, user=user) if record["at"] > ended_at]
    _require_method(rules, records)
    if rules.session_hours:
        records = [record for record in records if now - record["at"] < rules.session_hours * 3600]
    if not records:
        raise SessionNotEnough
    if rules.idle_minutes and now - _last_act(rules, session, records) > rules.idle_minutes * 60:
        raise SessionIdle
    if rules.mfa_required and not any(is_second_factor(record, rules.id) for record in records):
        raise SecondFactorNeeded


def is_second_factor(record: Record, organization_id: UUID) -> bool:
    """Shown to us, or to the organization's own identity provider."""
    if record["method"] == "mfa":
        return True
    return bool(record.get("second_factor")) and record.get("organization") == str(organization_id)


def method_of(record: Record, organization_id: UUID) -> SignInMethod | None:
    """The way in which this record began a session; None when it only added to one."""
    match record["method"]:
        case "password":
            return SignInMethod.PASSWORD
        case "mfa" if record.get("passwordless"):
            return SignInMethod.PASSKEY
        case "sso" if record.get("organization") == str(organization_id):
            return SignInMethod.SSO
        case "code":
            return SignInMethod.CODE
    return None


def _require_method(rules: Rules, records: list[Record]) -> None:
    used = {method_of(record, rules.id) for record in records}
    if rules.sign_in_methods and records and used.isdisjoint(rules.sign_in_methods):
        raise OtherMethodNeeded


def _last_act(rules: Rules, session: Any, records: list[Record]) -> float:
    seen: float = session.get(SEEN, {}).get(str(rules.id), 0.0)
    proven: float = records[-1]["at"]
    return max(seen, proven)
