"""Who tries, what came of it, and the count at the end of the test run."""

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from django.http import HttpResponse
from django.test import Client

from tests.cast import Person
from tests.isolation.counts import PROPERTY
from tests.isolation.seeds import CANARY, COMMON
from tests.isolation.walls import Walls
from tests.isolation.world import World


class Relation(StrEnum):
    """What somebody is to Maya's organization. The owner of another one may more than any admin there."""

    NOBODY = "nobody"
    COLLEAGUE = "another member"
    ADMIN = "an admin"
    FORMER = "a removed member"
    STRANGER = "a member elsewhere"
    OWNER_ELSEWHERE = "the owner elsewhere"


class Open(StrEnum):
    """What a door shows by its nature: names that are public anyway, or Maya's own things to her colleagues."""

    NOTHING = "nothing"
    PUBLIC = "public"
    SHARED = "shared"


COLLEAGUES = {Relation.COLLEAGUE, Relation.ADMIN}
ELSEWHERE = {Relation.STRANGER, Relation.OWNER_ELSEWHERE}


def people(world: World) -> dict[Relation, Person | None]:
    cast = world.cast
    return {
        Relation.NOBODY: None,
        Relation.COLLEAGUE: cast.priya,
        Relation.ADMIN: cast.tomas,
        Relation.FORMER: world.gone,
        Relation.STRANGER: cast.karim,
        Relation.OWNER_ELSEWHERE: cast.ines,
    }


def browser(who: Person | None) -> Client:
    client = who.client() if who else Client()
    client.raise_request_exception = False  # one page that breaks is to be counted, not to end the rest
    return client


@dataclass
class Attempts:
    """Every try, and those that got something."""

    world: World
    walls: Walls
    count: int = 0
    leaks: list[str] = field(default_factory=list)

    def judge(
        self, who: Person | None, door: str, answer: HttpResponse, *, allowed: Collection[int], open_: Open
    ) -> None:
        """Count an answer of a page or of the API."""
        fault = "" if answer.status_code in allowed else str(answer.status_code)
        self.tried(who, door, raw(answer), fault=fault, open_=open_)
        answer.close()

    def tried(self, who: Person | None, door: str, text: str, *, fault: str = "", open_: Open = Open.NOTHING) -> None:
        """Count an answer. `fault`: what is wrong with it already."""
        self.count += 1
        if fault:
            self.leaks.append(f"{_name(who)} {door}: {fault}")
        self.leaks += [f"{_name(who)} {door}: reads {word!r}" for word in self._forbidden(who, open_) if word in text]

    def _forbidden(self, who: Person | None, open_: Open) -> tuple[str, ...]:
        if open_ is Open.SHARED:
            return ()
        return (CANARY, COMMON) if open_ is Open.PUBLIC else self.world.forbidden(who)

    def done(self, what: str, record: Any) -> None:
        """Fail if anything got through. `record` is pytest's `record_property`."""
        record(PROPERTY, [self.walls.value, what, self.count])
        assert not self.leaks, "\n".join(self.leaks)


def raw(answer: HttpResponse) -> str:
    """Everything that goes over the wire but the status."""
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
    return body.decode(errors="replace") + json.dumps(dict(answer.items())) + answer.cookies.output()


def _name(who: Person | None) -> str:
    return who.user.get_short_name() if who else "nobody"


# Nothing here, or the address takes no such request; the latter is said before anything is looked up.
REFUSED = {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}
FORBIDDEN = {HTTPStatus.FORBIDDEN, *REFUSED}
HARMLESS = {HTTPStatus.OK, HTTPStatus.FOUND, HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY, *FORBIDDEN}
