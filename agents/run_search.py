"""Searching a person's own runs: what they ask for, and the part of the list that answers it.

The list is read along its index from a place in it, newest first, so that a page costs the same however many runs there
are. Words and tools stand in the steps, where no index helps under the tenant's policy (docs/adr/0001): for these one
page looks through a bounded part of the list, says how far it has looked, and the next one goes on from there.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.contracts import Actor
from agents.contracts import RunState, StepState
from agents.models import Run, Step
from jarvis_site.kernel.clock import db_now

type Label = str | Promise

LISTED = 50
# So many of the person's runs one page looks through for words or tools: some tens of milliseconds.
LOOKED_THROUGH = 5_000
LONGEST_QUERY, LONGEST_TOOL = 100, 100
# As `agents.workflows.worker.MAX_ATTEMPTS`, which stands above.
LAST_ATTEMPT = 5

UNDER_WAY = (RunState.RUNNING, RunState.PLANNING)
GIVEN_UP = Q(state=StepState.FAILED) & (Q(attempt__gte=LAST_ATTEMPT) | Q(failure_code="worker_lost"))
STATES: dict[str, tuple[Label, tuple[RunState, ...]]] = {
    "": (_("All"), ()),
    "waiting": (_("Needs you"), (RunState.WAITING,)),
    "running": (_("Running"), UNDER_WAY),
    "sleeping": (_("Sleeping"), (RunState.SLEEPING,)),
    "paused": (_("Paused"), (RunState.PAUSED,)),
    "done": (_("Done"), (RunState.SUCCEEDED,)),
    "failed": (_("Failed"), (RunState.FAILED,)),
    "stopped": (_("Stopped"), (RunState.CANCELLED,)),
    "given_up": (_("Given up"), ()),
}
# Days that a period reaches back; today begins at the person's midnight.
PERIODS: dict[str, tuple[Label, int | None]] = {
    "": (_("Any time"), None),
    "today": (_("Today"), 0),
    "week": (_("Last 7 days"), 7),
    "month": (_("Last 30 days"), 30),
    "quarter": (_("Last 90 days"), 90),
}
ORIGINS: dict[str, tuple[Label, Q]] = {
    "": (_("Started anywhere"), Q()),
    "chat": (_("In a chat"), Q(conversation_id__isnull=False)),
    "api": (_("Over the API"), Q(conversation_id__isnull=True, parent_step_id__isnull=True)),
    "run": (_("By another run"), Q(parent_step_id__isnull=False)),
}
_TOOL = re.compile(r"[\w-]+(\.[\w-]+)?")


@dataclass(frozen=True, slots=True)
class Search:
    """What is asked for; each empty where it does not matter.

    Attributes:
        show: key of `STATES`. period: of `PERIODS`. origin: of `ORIGINS`.
        words: in the goal, or in the title of a step.
        tool: a server, or a tool of one, that a step uses.
        state: exactly this one. since: started then or later.
    """

    show: str = ""
    words: str = ""
    period: str = ""
    tool: str = ""
    origin: str = ""
    state: RunState | None = None
    since: datetime | None = None

    @property
    def narrow(self) -> bool:
        """Anything is asked for at all."""
        return self != Search()

    @property
    def looks_into_steps(self) -> bool:
        return bool(self.words or self.tool or self.show == "given_up")

    @property
    def query(self) -> str:
        """As it stands in an address."""
        named = {"show": self.show, "q": self.words, "period": self.period, "tool": self.tool, "origin": self.origin}
        return urlencode({name: value for name, value in named.items() if value})

    def showing(self, show: str) -> "Search":
        return replace(self, show=show)


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the list: just before or, `newer`, just after a run."""

    at: datetime
    run_id: UUID
    newer: bool = False

    @property
    def text(self) -> str:
        return f"{int(self.at.timestamp())}.{self.at.microsecond:06}-{self.run_id.hex}"


@dataclass(frozen=True, slots=True)
class RunPage:
    """A part of the list, newest first.

    Attributes:
        newer, older: places where the list goes on, as text for an address; empty at its ends.
        looked_back_to: when the oldest run was started that was looked at, where the list may hold more that fit.
    """

    runs: Sequence[Run]
    newer: str = ""
    older: str = ""
    looked_back_to: datetime | None = None


def search_of(parameters: Mapping[str, str]) -> Search:
    """Read what an address asks for; what makes no sense there counts as not asked."""

    def known(name: str, choices: Mapping[str, object]) -> str:
        value = parameters.get(name, "")
        return value if value in choices else ""

    tool = parameters.get("tool", "")[:LONGEST_TOOL]
    return Search(
        show="done" if parameters.get("show") == "finished" else known("show", STATES),
        words=" ".join(parameters.get("q", "").replace("\0", "").split())[:LONGEST_QUERY],
        period=known("period", PERIODS),
        tool=tool if _TOOL.fullmatch(tool) else "",
        origin=known("origin", ORIGINS),
    )


def cursor_of(parameters: Mapping[str, str]) -> Cursor | None:
    """The place that an address names; None is the newest."""
    for name in ("before", "after"):
        if found := re.fullmatch(r"(\d{1,11})\.(\d{6})-([0-9a-f]{32})", parameters.get(name, "")):
            at = datetime.fromtimestamp(int(found[1]), UTC).replace(microsecond=int(found[2]))
            return Cursor(at, UUID(found[3]), newer=name == "after")
    return None


def runs_found(*, actor: Actor, search: Search, cursor: Cursor | None = None, length: int = LISTED) -> RunPage:
    """A page of the person's runs that fit, with how many steps each has; at most four queries."""
    listed = _in_order(_that_can_fit(actor, search), cursor)
    found = list(_fitting(listed, search)[: length + 1])
    runs, more = found[:length], len(found) > length
    looked = None if more or not search.looks_into_steps else _end_of_look(listed)
    _count_steps(runs)
    further = _place(runs[-1] if more else looked)
    if cursor is None or not cursor.newer:
        back = _place(runs[0] if runs else None) or cursor.text if cursor else ""
        return RunPage(runs, back, further, looked.created_at if looked else None)
    back = _place(runs[0] if runs else None) or cursor.text
    return RunPage(runs[::-1], further, back)


def run_ids_found(*, actor: Actor, search: Search, most: int, among: Q | None = None) -> list[UUID]:
    """The newest of the person's runs that fit, no more than `most` of them. `among`: only these."""
    runs = _that_can_fit(actor, search).filter(among or Q())
    return [run.id for run in _fitting(_in_order(runs, None), search)[:most]]


def _that_can_fit(actor: Actor, search: Search) -> QuerySet[Run]:
    """By what stands in the run itself."""
    runs = Run.objects.filter(ORIGINS[search.origin][1], member_id=actor.member_id)
    states = STATES[search.show][1]
    runs = runs.filter(state__in=states) if states else runs
    runs = runs.filter(state=search.state) if search.state else runs
    runs = runs.filter(created_at__gte=search.since) if search.since else runs
    days = PERIODS[search.period][1]
    if days is None:
        return runs
    if days == 0:
        midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
        return runs.filter(created_at__gte=midnight)
    return runs.filter(created_at__gte=db_now(plus=-timedelta(days=days)))


def _in_order(runs: QuerySet[Run], cursor: Cursor | None) -> QuerySet[Run]:
    """From the cursor on, away from it."""
    if cursor is None:
        return runs.order_by("-created_at", "-id")
    if cursor.newer:
        beyond = Q(created_at__gt=cursor.at) | Q(created_at=cursor.at, id__gt=cursor.run_id)
        return runs.filter(beyond, created_at__gte=cursor.at).order_by("created_at", "id")
    beyond = Q(created_at__lt=cursor.at) | Q(created_at=cursor.at, id__lt=cursor.run_id)
    return runs.filter(beyond, created_at__lte=cursor.at).order_by("-created_at", "-id")


def _fitting(listed: QuerySet[Run], search: Search) -> QuerySet[Run]:
    """Those of the next runs of the list that fit by their steps, too."""
    if not search.looks_into_steps:
        return listed
    near = Run.objects.filter(id__in=listed.values("id")[:LOOKED_THROUGH]).order_by(*listed.query.order_by)
    steps = Step.objects.filter(run=OuterRef("pk"))
    if search.words:
        near = near.filter(Q(goal__icontains=search.words) | Exists(steps.filter(title__icontains=search.words)))
    if search.tool:
        used = Q(tool=search.tool) if "." in search.tool else Q(tool__startswith=f"{search.tool}.")
        near = near.filter(Exists(steps.filter(used)))
    if search.show == "given_up":
        near = near.filter(Exists(steps.filter(GIVEN_UP)))
    return near


def _end_of_look(listed: QuerySet[Run]) -> Run | None:
    """The last run that was looked at, when there are more behind it."""
    last = list(listed.only("id", "created_at", "organization_id")[LOOKED_THROUGH - 1 : LOOKED_THROUGH + 1])
    return last[0] if len(last) > 1 else None


def _place(run: Run | None) -> str:
    return Cursor(run.created_at, run.id).text if run else ""


def _count_steps(runs: Sequence[Run]) -> None:
    """Set `step_count` and `done_count`; counted for a page, because for the whole list it would take seconds."""
    done = Count("id", filter=Q(state=StepState.SUCCEEDED))
    current = Step.objects.filter(run__in=[run.id for run in runs], retired_in__isnull=True)
    counted = current.order_by().values("run_id").annotate(number=Count("id"), done=done)
    numbers = {row["run_id"]: (row["number"], row["done"]) for row in counted} if runs else {}
    for run in runs:
        run.step_count, run.done_count = numbers.get(run.id, (0, 0))  # type: ignore[attr-defined]  # for the templates
