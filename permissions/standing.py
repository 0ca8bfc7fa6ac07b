"""What holds in an organization right now: its rules, people's standing permissions, labels and stops.

Read at every call that is decided about, so it is kept in the process. Every change raises a number in the database
(`PolicyHead.changes`), which is looked at at most so many seconds later: that is how long a change takes everywhere.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from uuid import UUID
from zoneinfo import ZoneInfo

from accounts.selectors.groups import home_domains, role_and_teams
from jarvis_site.kernel.tenancy import current_organization
from permissions.contracts import RuleState, StandingGrant, StopKind, Subject
from permissions.models import DataLabel, Grant, PolicyHead, PolicyRule, Stop
from permissions.policy import NO_RULES, Policy

LOOKED_AT_SECONDS = 0.5
# What other apps know (domains of the organization) changes without raising the number.
READ_AGAIN_SECONDS = 10.0
MOST_KEPT = 1_000


@dataclass(frozen=True, slots=True)
class Label:
    label: str
    tool: str
    argument: str
    pattern: str

    def fits(self, tool: str, arguments: Mapping[str, object]) -> bool:
        if not fnmatchcase(tool, self.tool):
            return False
        if not self.argument:
            return True
        value = arguments.get(self.argument)
        items = value if isinstance(value, list) else [value]
        return any(isinstance(item, str) and fnmatchcase(item.lower(), self.pattern.lower()) for item in items)


@dataclass(frozen=True, slots=True)
class Standing:
    """Attributes:
    policy: the rules that decide; shadow: those that only say what they would have said.
    stops: kind and target of each that was not lifted.
    """

    changes: int
    policy: Policy = NO_RULES
    shadow: Policy = NO_RULES
    labels: tuple[Label, ...] = ()
    stops: frozenset[tuple[StopKind, UUID]] = frozenset()
    home_domains: tuple[str, ...] = ()

    def labels_of(self, tool: str, arguments: Mapping[str, object]) -> tuple[str, ...]:
        return tuple(sorted({item.label for item in self.labels if item.fits(tool, arguments)}))


@dataclass(frozen=True, slots=True)
class Person:
    """For whom something is done, as the policy sees them, with their time zone and standing permissions."""

    subject: Subject
    timezone: str
    grants: tuple[StandingGrant, ...] = ()

    def clock(self, now: datetime) -> tuple[int, int]:
        """Weekday from 1 (Monday) and minute of the person's day."""
        local = now.astimezone(ZoneInfo(self.timezone or "UTC"))
        return local.isoweekday(), local.hour * 60 + local.minute


@dataclass(slots=True)
class _Kept[T]:
    value: T
    looked_at: float
    read_at: float


_standings: dict[UUID, _Kept[Standing]] = {}
_people: dict[tuple[UUID, UUID], _Kept[Person]] = {}


def standing() -> Standing:
    """What holds in the current organization, at most half a second old."""
    organization = current_organization()
    now = time.monotonic()
    kept = _standings.get(organization)
    if kept is not None and now - kept.looked_at < LOOKED_AT_SECONDS:
        return kept.value
    head = PolicyHead.objects.values_list("changes", "version").first() or (0, 0)
    if kept is not None and kept.value.changes == head[0] and now - kept.read_at < READ_AGAIN_SECONDS:
        kept.looked_at = now
        return kept.value
    found = _read(changes=head[0], version=head[1], before=kept.value if kept else None)
    _keep(_standings, organization, found, now)
    return found


def person(member_id: UUID) -> Person:
    """A member as the policy sees them, at most half a second old."""
    key = current_organization(), member_id
    now = time.monotonic()
    kept = _people.get(key)
    if kept is not None and now - kept.read_at < LOOKED_AT_SECONDS:
        return kept.value
    role, timezone, teams = role_and_teams(member_id=member_id)
    mine = Grant.objects.filter(member_id=member_id, revoked_at=None, suspended_at=None).order_by("created_at", "id")
    grants = tuple(grant.standing for grant in mine)
    found = Person(Subject(str(member_id), role, tuple(map(str, teams))), timezone, grants)
    _keep(_people, key, found, now)
    return found


def forget() -> None:
    """Read everything anew: for tests, which change the clock and the database under the process."""
    _standings.clear()
    _people.clear()


def _keep[K, T](kept: dict[K, _Kept[T]], key: K, value: T, now: float) -> None:
    if len(kept) >= MOST_KEPT:
        kept.clear()
    kept[key] = _Kept(value, now, now)


def _read(*, changes: int, version: int, before: Standing | None) -> Standing:
    if changes == 0:
        return Standing(changes=0, home_domains=home_domains())
    return Standing(
        changes=changes,
        policy=_policy(version, RuleState.ENFORCED, before.policy if before else NO_RULES),
        shadow=_policy(version, RuleState.SHADOW, before.shadow if before else NO_RULES),
        labels=tuple(
            Label(*row) for row in DataLabel.objects.order_by("id").values_list("label", "tool", "argument", "pattern")
        ),
        stops=frozenset(
            (StopKind(kind), target)
            for kind, target in Stop.objects.filter(lifted_at=None).values_list("kind", "target")
        ),
        home_domains=home_domains(),
    )


def _policy(version: int, state: RuleState, before: Policy) -> Policy:
    """The same object as long as nothing has changed in it: what was decided by it is kept with it."""
    rows = PolicyRule.objects.filter(state=state, retired_at=None).order_by("created_at", "id")
    rules = tuple(row.spec for row in rows)
    return before if (before.version, before.rules) == (version, rules) else Policy(version=version, rules=rules)
