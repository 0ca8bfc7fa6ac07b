"""What everybody may get at every door: generated from the table of doors."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from http import HTTPStatus

from tests.architecture.doors import INSIDE, OPERATIONS, PAGES, Who
from tests.isolation.attempts import COLLEAGUES, ELSEWHERE, FORBIDDEN, HARMLESS, REFUSED, Open, Relation
from tests.isolation.seeds import CANARY
from tests.isolation.world import World

# Back to the calendar, where it says that there is no such event.
LED_BACK = {"calendar/cancel/<path:event_id>"}
QUERIES = ("", f"?q={CANARY[:8]}&tab=decided&date=2026-11-23&view=week&page=1&current=x")
# What lies below belongs to everybody inside the organization.
WORKSPACE = INSIDE + "files/"
NOT_FOUND = {HTTPStatus.NOT_FOUND}
TO_SIGN_IN = {HTTPStatus.FOUND}
UNKNOWN = {HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND}
_READING = {"get", "head"}
_CLOSED = {Who.OPERATOR: {HTTPStatus.FOUND, *FORBIDDEN}, Who.KEY: {HTTPStatus.UNAUTHORIZED, *FORBIDDEN}}


@dataclass(frozen=True)
class Case:
    """One request."""

    relation: Relation
    method: str
    door: str
    allowed: Collection[int]
    open_: Open = Open.NOTHING


def page_cases(world: World, elsewhere: str) -> Iterator[Case]:
    """Every page for everybody. `elsewhere` is the address of the other organization."""
    for path, whose in PAGES.items():
        door = "/" + world.fill(path)
        for relation in Relation:
            if not path.startswith(INSIDE):
                yield from _outside(relation, whose, door)
                continue
            yield from _at_hers(relation, whose, path, door)
            if relation in ELSEWHERE:
                yield from _at_theirs(relation, whose, path, _moved(world, door, elsewhere))


def _moved(world: World, door: str, elsewhere: str) -> str:
    """The door of the same name in another organization, with Maya's ids."""
    return door.replace(f"/o/{world.maya.slug}/", f"/o/{elsewhere}/", 1)


def _outside(relation: Relation, whose: Who, door: str) -> Iterator[Case]:
    """Pages that belong to no organization show nothing of hers, whoever asks."""
    allowed: Collection[int] = _CLOSED.get(whose, HARMLESS)
    if whose is Who.SIGNED_IN and relation is Relation.NOBODY:
        allowed = TO_SIGN_IN
    yield Case(relation, "get", door, allowed, Open.PUBLIC if whose is Who.EVERYBODY else Open.NOTHING)


def _at_hers(relation: Relation, whose: Who, path: str, door: str) -> Iterator[Case]:
    if whose is Who.SECRET:
        if relation not in COLLEAGUES:  # whoever knows the secret may read: here somebody guesses
            yield Case(relation, "get", door.replace(door.rsplit("/", 1)[1], "guess"), HARMLESS)
        return
    if relation not in COLLEAGUES:
        yield from _both(Case(relation, "get", door, TO_SIGN_IN if relation is Relation.NOBODY else NOT_FOUND))
    elif whose is Who.OWNER:
        yield from _both(Case(relation, "get", door, _refused(path)))
    elif whose is Who.ADMIN and relation is Relation.COLLEAGUE:
        yield from _both(Case(relation, "get", door, FORBIDDEN))
    elif whose is Who.MEMBER:
        open_ = Open.SHARED if path.startswith(WORKSPACE) else Open.NOTHING
        yield from (Case(relation, "get", door + query, HARMLESS, open_) for query in QUERIES)


def _at_theirs(relation: Relation, whose: Who, path: str, door: str) -> Iterator[Case]:
    if whose is Who.OWNER:
        yield from _both(Case(relation, "get", door, _refused(path)))
    elif whose is Who.SECRET:
        yield Case(relation, "get", door, REFUSED)
    elif _names_a_row(path):
        yield from _both(Case(relation, "get", door, FORBIDDEN))
    else:
        yield from (Case(relation, "get", door + query, HARMLESS) for query in QUERIES)


def _both(reading: Case) -> Iterator[Case]:
    """Read there, and then write there what a form would."""
    yield reading
    yield replace(reading, method="post")


def _refused(path: str) -> Collection[int]:
    return REFUSED | {HTTPStatus.FOUND} if path.removeprefix(INSIDE) in LED_BACK else REFUSED


def _names_a_row(path: str) -> bool:
    return bool(re.search(r"[<{](?:uuid:)?\w+_id[>}]", path))


def operation_cases(world: World, elsewhere: str) -> Iterator[Case]:
    """Every operation of the API for everybody."""
    for operation, whose in OPERATIONS.items():
        method, _, path = operation.partition(" ")
        door = world.fill(path)
        for relation in Relation:
            allowed = _of_hers(relation, whose, method, path)
            if allowed:
                yield Case(relation, method, door, allowed)
            if relation in ELSEWHERE and (method in _READING or _names_a_row(path)):
                yield Case(relation, method, _moved(world, door, elsewhere), _of_theirs(whose, path))


def _of_hers(relation: Relation, whose: Who, method: str, path: str) -> Collection[int]:
    """Empty: they may, and it would change something."""
    if relation is Relation.NOBODY:
        return UNKNOWN
    if relation not in COLLEAGUES or whose is Who.OWNER:
        return NOT_FOUND
    if whose is Who.ADMIN and relation is Relation.COLLEAGUE:
        return {HTTPStatus.UNPROCESSABLE_ENTITY, *FORBIDDEN}
    return HARMLESS if whose is Who.MEMBER and method in _READING else ()


def _of_theirs(whose: Who, path: str) -> Collection[int]:
    """A body may be refused before anything is looked up: that says nothing about what there is."""
    if whose is Who.OWNER or _names_a_row(path):
        return {HTTPStatus.UNPROCESSABLE_ENTITY, *FORBIDDEN} if whose is not Who.OWNER else NOT_FOUND
    return HARMLESS
