"""The tools that rules can name. The app that has them says so when it is loaded: it stands above this one."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from jarvis_site.kernel.errors import NotFound
from permissions.contracts import CallFacts


@dataclass(frozen=True, slots=True)
class Tool:
    """`name`: `<server>.<tool>`; `title`: for people."""

    name: str
    title: str


type Tools = Callable[[], Iterable[Tool]]
type Facts = Callable[[str, dict[str, Any]], CallFacts]

_provided: list[tuple[Tools, Facts]] = []


def tools_provide(*, tools: Tools, facts: Facts) -> None:
    """Say which tools there are, and what a call of one of them is to the policy outside of a run."""
    _provided[:] = [(tools, facts)]


def tools_known() -> list[Tool]:
    """By name."""
    return sorted((tool for tools, _facts in _provided for tool in tools()), key=lambda tool: tool.name)


def facts_for(*, tool: str, arguments: dict[str, Any]) -> CallFacts:
    """What the policy would look at. Raises `NotFound` where there are no tools at all."""
    for _tools, facts in _provided:
        return facts(tool, arguments)
    raise NotFound
