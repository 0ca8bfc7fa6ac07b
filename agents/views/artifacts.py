"""What a run has left behind, with the pages where it is."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse

from agents.artifacts import LeftBehind, artifacts_of
from agents.contracts import ToolSpec
from agents.models import Run

# Kind of artifact -> the page of one, by its id.
PAGES = {"event": "calendar:event", "file": "files:view", "mail": "mail:mail", "draft": "mail:draft"}
# Those that stand on a page with others of their kind.
LISTS = {"reminder": "calendar:reminders"}


@dataclass(frozen=True, slots=True)
class Shown:
    """Attributes: href: its page; empty when there is none."""

    thing: LeftBehind
    href: str


def artifacts_shown(*, run: Run, tools: Mapping[str, ToolSpec]) -> list[Shown]:
    slug = run.organization.slug
    return [Shown(thing, _page(thing, slug)) for thing in artifacts_of(run=run, tools=tools)]


def _page(thing: LeftBehind, slug: str) -> str:
    if thing.kind in LISTS:
        return reverse(LISTS[thing.kind], args=[slug])
    try:
        return reverse(PAGES[thing.kind], args=[slug, thing.id])
    except (KeyError, NoReverseMatch):
        return ""  # of a kind that has no pages here, or named as no page can be
