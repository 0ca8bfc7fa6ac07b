"""What `decide` looks at, and what it answers."""

from __future__ import annotations

import hashlib
import marshal
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


class Level(StrEnum):
    """How much harm a call can do, from least to most."""

    READ = "read"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Origin(StrEnum):
    """Who a value comes from."""

    PERSON = "person"
    ORGANIZATION = "organization"
    OUTSIDE = "outside"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a part of an argument came from.

    Attributes:
        argument: its name.
        step, tool, title: the step whose result it is; empty where it stands in the plan itself.
        pointer: JSON Pointer into that result.
    """

    argument: str
    origin: Origin
    step: str = ""
    tool: str = ""
    title: str = ""
    pointer: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """For whom a call is made: ids as text; the teams with all those above them."""

    member: str = ""
    role: str = ""
    teams: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CallFacts:
    """All that the policy may look at, so that a stored decision can be made once more.

    Attributes:
        arguments: as they would be sent.
        known: the catalogue has this tool; unknown ones count as destructive and reaching people.
        risk: as the tool declares it; `permissions.risk` may raise it.
        steers: a step of the plan itself, which calls nothing.
        only_reads: of the plan only what reads was approved.
        open_values: arguments that nobody could judge when the plan was approved, because they are results of
            earlier steps.
        sources: of the arguments that do not stand in the plan as its person gave them.
        labels: of the data that it touches, as the organization calls them.
        run: id of the run; empty outside of one.
        device: id of the device that it is done on; empty where it is done by the site itself.
        home_domains: the organization's own mail domains.
        weekday: 1 (Monday) to 7, in the person's time zone; minute: of the day, 0 to 1439.
    """

    tool: str
    arguments: dict[str, object]
    known: bool
    read_only: bool
    destructive: bool
    reaches_people: bool
    risk: Level = Level.HIGH
    steers: bool = False
    only_reads: bool = False
    open_values: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    labels: tuple[str, ...] = ()
    subject: Subject = field(default_factory=Subject)
    run: str = ""
    device: str = ""
    home_domains: tuple[str, ...] = ()
    weekday: int = 1
    minute: int = 0

    @property
    def key(self) -> tuple[object, ...]:
        """The same for the same facts at another time of day. Two orders of the same arguments may differ."""
        return (
            self.tool,
            _fingerprint(self.arguments),
            self.known,
            self.read_only,
            self.destructive,
            self.reaches_people,
            self.risk,
            self.steers,
            self.only_reads,
            self.open_values,
            self.sources,
            self.labels,
            self.subject,
            self.run,
            self.device,
            self.home_domains,
        )

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> CallFacts:
        given = dict(stored)
        given["risk"] = Level(given["risk"])
        for name in ("open_values", "labels", "home_domains"):
            given[name] = tuple(given[name])
        given["sources"] = tuple(Source(**{**item, "origin": Origin(item["origin"])}) for item in given["sources"])
        subject = given["subject"]
        given["subject"] = Subject(subject["member"], subject["role"], tuple(subject["teams"]))
        return cls(**given)


def _fingerprint(arguments: dict[str, object]) -> bytes:
    """Short, because arguments can be whole documents and decisions are kept by it. The second version of the format
    writes equal values alike, whether or not they are the same object."""
    return hashlib.blake2b(marshal.dumps(arguments, 2), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Assessment:
    """How much harm a call can do, and why: codes of the reasons, each with words for a person."""

    level: Level
    reasons: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Reviewers:
    """Who may answer: people of the given ids, or with these roles, or in these teams. All empty: the requester."""

    members: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()

    @property
    def named(self) -> bool:
        return bool(self.members or self.roles or self.teams)


@dataclass(frozen=True, slots=True)
class Review:
    """What an answer needs.

    Attributes:
        quorum: how many have to agree; one refusal is enough to refuse.
        own_answer: the one it is done for may be among those who answer.
        proof: each answer needs a fresh proof of who gives it.
        escalate_minutes: when nobody has answered for so long, those of `escalate_to` are asked as well; 0: never.
    """

    reviewers: Reviewers = field(default_factory=Reviewers)
    quorum: int = 1
    own_answer: bool = True
    proof: bool = False
    escalate_minutes: int = 0
    escalate_to: Reviewers = field(default_factory=Reviewers)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule says about a call.

    Attributes:
        by_plan: an approval of the whole plan can stand for the answer to it.
        by_grant: a standing permission can; so can a rule of the organization that allows the call.
        review: who answers, where the organization's rule says so.
    """

    rule: str
    verdict: Verdict
    reason: str
    by_plan: bool = True
    by_grant: bool = True
    review: Review | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer of `decide`, with the rule that gave it and its reason in words.

    Attributes:
        by_plan, by_grant: as in `Finding`, of everything that asks.
        grant: id of the standing permission that answered in the person's stead, or refused.
        findings: what every rule that applies has said, the strictest first.
    """

    verdict: Verdict
    rule: str
    reason: str
    by_plan: bool = True
    by_grant: bool = True
    grant: str = ""
    review: Review = field(default_factory=Review)
    risk: Assessment = field(default_factory=lambda: Assessment(Level.HIGH))
    findings: tuple[Finding, ...] = ()
