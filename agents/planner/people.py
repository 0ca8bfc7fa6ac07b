"""Whom a name in a request can mean."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from agents.contracts import Person

# Mailboxes of a function, not of somebody who can be called by name.
ROLE_MAILBOXES = frozenset(
    {
        "admin",
        "contact",
        "hello",
        "help",
        "hr",
        "info",
        "mail",
        "noreply",
        "office",
        "sales",
        "service",
        "support",
        "team",
    }
)
MAX_WORD = 320  # the longest address is 254 characters
_ADDRESS = re.compile(r"[^@\s<>()\[\],;:\"]+@[^@\s<>()\[\],;:\"]+\.[A-Za-z][A-Za-z0-9-]*")
_WORDS = re.compile(r"[^\W\d_]+")
_SELF = frozenset({"me", "myself", "i"})


def addresses(text: str) -> list[str]:
    """Return the e-mail addresses in a text, each once."""
    words = (word for word in text.split() if "@" in word and len(word) <= MAX_WORD)
    return list(dict.fromkeys(found for word in words for found in _ADDRESS.findall(word)))


def key(name: str) -> str:
    return " ".join(name.casefold().removesuffix("'s").removesuffix("\u2019s").split())


def whom(
    name: str, *, speaker: Person, known: Iterable[Person], written: Iterable[str], meant: Mapping[str, str]
) -> tuple[Person, ...]:
    """Return whom a name or an address can mean, nobody when nobody is known by it.

    Arguments:
        known: members and contacts.
        written: addresses that the request itself names; one that fits the name is the one that is meant.
        meant: the address for a name, as the person has already answered.
    """
    people = list(known)
    found = addresses(name)
    if found:
        return (_by_address(found[0], people),)
    wanted = key(name)
    if wanted in meant:
        return (_by_address(meant[wanted], people),)
    if wanted in _SELF:
        return (speaker,)
    here = [address for address in written if _fits(wanted, _local_words(address))]
    if here:
        return tuple(_by_address(address, people) for address in here)
    return _by_name(wanted, people)


def _by_address(address: str, people: list[Person]) -> Person:
    known = next((person for person in people if person.email.casefold() == address.casefold()), None)
    return known or Person(name=_name_of(address), email=address)


def _by_name(wanted: str, people: list[Person]) -> tuple[Person, ...]:
    unique = {person.email.casefold(): person for person in people}.values()
    exact = tuple(person for person in unique if key(person.name) == wanted)
    if exact:
        return exact
    named = tuple(person for person in unique if _fits(wanted, _words(person.name)))
    return named or tuple(person for person in unique if _fits(wanted, _local_words(person.email)))


def _fits(wanted: str, words: set[str]) -> bool:
    parts = _words(wanted)
    return bool(parts) and parts <= words


def _words(name: str) -> set[str]:
    return {word.casefold() for word in _WORDS.findall(name)}


def _local_words(address: str) -> set[str]:
    return _words(address.partition("@")[0])


def _name_of(address: str) -> str:
    """Call raj@example.com "Raj"; call an address that does not look like a name by itself."""
    local = address.partition("@")[0]
    words = [word for word in re.split(r"[._-]", local) if word]
    if not words or not all(word.isalpha() and len(word) > 1 for word in words) or local.casefold() in ROLE_MAILBOXES:
        return address
    return " ".join(word.capitalize() for word in words)
