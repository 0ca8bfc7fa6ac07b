"""What happened in a run: its events in words, and as bars in percent of the time, so that one SVG fits every width."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from agents.contracts import RunState
from agents.models import Run, RunEvent
from agents.run_cards import Label, Node
from agents.selectors import Moment
from jarvis_site.kernel.clock import db_time

TICKS = 4
# Shorter than this a bar could not be seen or hit.
LEAST_WIDTH = 0.8
# Where "now" stands while the run goes on: its label needs the rest.
NOW = 92.0
# As in components/timeline.html: pixels of the axis, of a row, and from a row's top to its bar.
AXIS, ROW, BAR = 28, 30, 9
_MINUTE, _HOUR = 60, 3600

# What begins a bar and its look; what ends it, and the look that it then gets ("" keeps the one it has).
_BEGINS = {"step.started": "run", "step.asking": "wait", "step.uncertain": "wait"}
_ENDS = {
    "step.succeeded": "done",
    "step.failed": "bad",
    "step.retrying": "bad",
    "step.lost": "bad",
    "step.uncertain": "bad",
    "step.approved": "",
    "step.denied": "",
    "step.skipped_by_person": "",
}

# Kinds of events that a timeline is made of.
TIMED = frozenset(_BEGINS | _ENDS)

_WORDS: dict[str, tuple[Label, str]] = {
    "run.started": (gettext_lazy("The run was started"), ""),
    "plan.changed": (gettext_lazy("The plan has a new version"), ""),
    "plan.approved": (gettext_lazy("The plan was approved"), "ok"),
    "run.planning": (gettext_lazy("Jarvis looks for another way"), "run"),
    "run.sleeping": (gettext_lazy("The run waits for its time"), ""),
    "run.signal": (gettext_lazy("The run was told about an event"), ""),
    "step.sleeping": (gettext_lazy("Waits"), ""),
    "run.running": (gettext_lazy("The run goes on"), "run"),
    "run.waiting": (gettext_lazy("The run waits for you"), "wait"),
    "run.paused": (gettext_lazy("The run was paused"), ""),
    "run.resumed": (gettext_lazy("The pause is over"), "run"),
    "run.succeeded": (gettext_lazy("The run is done"), "ok"),
    "run.time_over": (gettext_lazy("The run has worked as long as it may"), "bad"),
    "run.failed": (gettext_lazy("The run has failed"), "bad"),
    "run.cancelled": (gettext_lazy("The run was stopped"), ""),
    "step.started": (gettext_lazy("Started"), "run"),
    "step.asking": (gettext_lazy("Asked you"), "wait"),
    "step.approved": (gettext_lazy("Approved"), "ok"),
    "step.denied": (gettext_lazy("Not allowed"), ""),
    "step.succeeded": (gettext_lazy("Done"), "ok"),
    "step.failed": (gettext_lazy("Failed"), "bad"),
    "step.retrying": (gettext_lazy("Did not work, will be tried again"), "wait"),
    "step.retried": (gettext_lazy("To be done once more, with what comes after it"), "run"),
    "plan.question": (gettext_lazy("Jarvis asked how to go on"), "wait"),
    "plan.given_up": (gettext_lazy("No other way was found"), "bad"),
    "step.skipped": (gettext_lazy("Skipped, because a step before it was not done"), ""),
    "step.skipped_by_person": (gettext_lazy("Skipped by you"), ""),
    "step.uncertain": (gettext_lazy("Nobody knows whether it happened"), "wait"),
    "step.late": (gettext_lazy("An answer came too late and was not used"), "wait"),
    "step.lost": (gettext_lazy("The worker stopped while doing it"), "bad"),
}


@dataclass(frozen=True, slots=True)
class Happening:
    """An event in words.

    Attributes:
        tone: of its dot: ok | wait | bad | run, or "".
        detail: reason, failure, try; empty when there is nothing to add.
    """

    number: int
    at: datetime
    kind: str
    words: Label
    tone: str
    detail: str
    node: Node | None


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of time; `x` and `width` in percent, `y` in pixels."""

    x: float
    width: float
    y: int
    state: str
    label: str


@dataclass(frozen=True, slots=True)
class Row:
    icon: str
    label: str
    href: str
    current: bool


@dataclass(frozen=True, slots=True)
class Tick:
    x: float
    label: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """As `components/timeline.html` takes it; `summary` says how long, and how much of it was waiting."""

    label: str
    summary: str
    height: int
    rows: Sequence[Row]
    bars: Sequence[Bar]
    ticks: Sequence[Tick]
    now: float | None
    selected_y: int | None


@dataclass(slots=True)
class _Stretch:
    row: int
    begin: datetime
    look: str
    end: datetime | None = None


def happenings(*, events: Iterable[RunEvent], nodes: Sequence[Node]) -> list[Happening]:
    """Events in words, in the order given."""
    by_key = {node.step.key: node for node in nodes}
    return [_happening(event, by_key.get(event.step)) for event in events]


def _happening(event: RunEvent, node: Node | None) -> Happening:
    words, tone = _WORDS.get(event.kind, (event.kind, ""))
    return Happening(event.number, event.at, event.kind, words, tone, _detail(event), node)


def _detail(event: RunEvent) -> str:
    data = event.data
    parts = [str(data[key]) for key in ("message", "reason") if data.get(key)]
    if event.kind in {"step.started", "step.lost", "step.late"} and data.get("attempt", 1) > 1:
        parts.append(_("try %(n)d") % {"n": data["attempt"]})
    if event.kind == "step.retrying":
        parts.append(_("again in %(n)s s") % {"n": data.get("seconds", "?")})
    return " · ".join(parts)


def timeline(*, run: Run, nodes: Sequence[Node], events: Iterable[Moment], slug: str, current: str = "") -> Timeline:
    """The run's bars, one row for each step.

    Args:
        events: of the kinds in `TIMED`, in order. current: key of the step that is open.
    """
    over = RunState(run.state).final
    end = run.finished_at or db_time()
    seconds = max((end - run.created_at).total_seconds(), 0.001)
    share = (100.0 if over else NOW) / seconds
    stretches = _stretches(events, nodes, end)
    keys = [node.step.key for node in nodes]
    return Timeline(
        label=_("When each step ran; the same values stand under Events"),
        summary=_summary(seconds, stretches, end, over=over),
        height=AXIS + 6 + ROW * len(nodes),
        rows=[_row(node, slug, current=node.step.key == current) for node in nodes],
        bars=[_bar(stretch, run.created_at, end, share, nodes[stretch.row]) for stretch in stretches],
        ticks=[_tick(run.created_at, n / TICKS, share) for n in range(TICKS)],
        now=None if over else NOW,
        selected_y=AXIS + ROW * keys.index(current) if current in keys else None,
    )


def _stretches(events: Iterable[Moment], nodes: Sequence[Node], end: datetime) -> list[_Stretch]:
    rows = {node.step.key: position for position, node in enumerate(nodes)}
    closed: list[_Stretch] = []
    opened: dict[str, _Stretch] = {}
    for event in events:
        if event.step not in rows:
            continue
        if event.kind in TIMED and (before := opened.pop(event.step, None)):
            before.end, before.look = event.at, _ENDS.get(event.kind) or before.look
            closed.append(before)
        if event.kind in _BEGINS:
            opened[event.step] = _Stretch(rows[event.step], event.at, _BEGINS[event.kind])
    for stretch in opened.values():
        stretch.end = end
    return [*closed, *opened.values()]


def _bar(stretch: _Stretch, start: datetime, end: datetime, share: float, node: Node) -> Bar:
    until = stretch.end or end
    x = (stretch.begin - start).total_seconds() * share
    width = max((until - stretch.begin).total_seconds() * share, LEAST_WIDTH)
    return Bar(
        x=round(max(0.0, min(x, 100 - LEAST_WIDTH)), 2),
        width=round(min(width, 100 - min(x, 100 - LEAST_WIDTH)), 2),
        y=AXIS + BAR + ROW * stretch.row,
        state="" if stretch.look == "done" else stretch.look,
        label=f"{node.name}: {length_words((until - stretch.begin).total_seconds())}",
    )


def _row(node: Node, slug: str, *, current: bool) -> Row:
    href = reverse("agents:step", args=[slug, node.step.run_id, node.step.key])
    return Row(icon=node.step.icon, label=node.name, href=f"{href}?tab=timeline", current=current)


def _tick(start: datetime, part: float, share: float) -> Tick:
    at = start + timedelta(seconds=100 * part / share)
    return Tick(x=100 * part, label=date_format(timezone.localtime(at), "G:i:s"))


def _summary(seconds: float, stretches: Sequence[_Stretch], end: datetime, *, over: bool) -> str:
    waited = _covered([(item.begin, item.end or end) for item in stretches if item.look == "wait"])
    whole = length_words(seconds) if over else _("%(time)s so far") % {"time": length_words(seconds)}
    if not waited:
        return whole
    return _("%(whole)s · %(wait)s of it waiting for people") % {"whole": whole, "wait": length_words(waited)}


def _covered(spans: list[tuple[datetime, datetime]]) -> float:
    """Seconds that lie in any of the spans; where two wait at once, it counts once."""
    seconds, reached = 0.0, datetime.min.replace(tzinfo=UTC)
    for begin, end in sorted(spans):
        seconds += max(0.0, (end - max(begin, reached)).total_seconds())
        reached = max(reached, end)
    return seconds


def length_words(seconds: float) -> str:
    """A length of time: 0.8 s, 12 s, 3 min 12 s, 2 h 5 min, 3 days."""
    if seconds < 10:  # noqa: PLR2004 - below this a tenth matters
        return _("%(n).1f s") % {"n": seconds}
    whole = round(seconds)
    if whole < _MINUTE:
        return _("%(n)d s") % {"n": whole}
    if whole < _HOUR:
        return _("%(min)d min %(s)d s") % {"min": whole // _MINUTE, "s": whole % _MINUTE}
    if whole < 48 * _HOUR:
        return _("%(h)d h %(min)d min") % {"h": whole // _HOUR, "min": whole % _HOUR // _MINUTE}
    days = whole // (24 * _HOUR)
    return ngettext("%(n)d day", "%(n)d days", days) % {"n": days}
