"""The rules that say how much harm a call can do. What a tool declares is the floor; each reason can only raise it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from permissions.contracts import Assessment, CallFacts, Level, Origin
from permissions.risk import links, names, values
from permissions.risk.characters import has_hidden, mixes_scripts

# A message to more people than sit in one meeting is a circular.
MANY_RECIPIENTS = 20
# More things removed at once than somebody looks through before they say yes.
MANY_REMOVED = 20
# More items or rows than a screen shows.
MANY_ITEMS = 100
# In whole units of whatever currency: above it, most organizations want a second look.
MUCH_MONEY = 1000
# Characters; nobody reads more than a few pages before they say yes.
LONG_TEXT = 20_000
# A name or a subject; longer texts are prose, in which joiners make letters and emoji.
NAME_LENGTH = 200

_ORDER = {Level.READ: 0, Level.LOW: 1, Level.MEDIUM: 2, Level.HIGH: 3}
_EXECUTING = frozenset({"run", "exec", "execute", "shell", "eval", "command", "script", "bash", "terminal"})

type Reason = tuple[Level, str, str]


@dataclass(frozen=True)
class _Call:
    """A call with what its rules have in common worked out once."""

    facts: CallFacts

    @cached_property
    def leaves(self) -> list[values.Leaf]:
        return values.leaves(self.facts.arguments)

    @cached_property
    def addresses(self) -> list[str]:
        return values.addresses(self.leaves)

    @cached_property
    def outsiders(self) -> list[str]:
        return [address for address in self.addresses if not names.is_at_home(address, self.facts.home_domains)]

    @cached_property
    def paths(self) -> list[str]:
        return [leaf.text for leaf in self.leaves if leaf.names & values.PATH_NAMES and isinstance(leaf.value, str)]

    @cached_property
    def links(self) -> list[str]:
        return [link for leaf in self.leaves for link in links.links(leaf.text)]

    @cached_property
    def items(self) -> int:
        """How many things it works on, by its longest list or by what it says."""
        counts = [leaf.value for leaf in self.leaves if leaf.name in values.COUNT_NAMES]
        whole = [count for count in counts if isinstance(count, int) and not isinstance(count, bool)]
        return max([values.longest_list(self.facts.arguments), *whole])

    @cached_property
    def from_outside(self) -> frozenset[str]:
        """Arguments; "" for the step itself."""
        return frozenset(source.argument for source in self.facts.sources if source.origin is Origin.OUTSIDE)

    @property
    def writes(self) -> bool:
        return not (self.facts.read_only or self.facts.steers)

    @property
    def reaches(self) -> bool:
        return self.facts.reaches_people and self.writes

    @property
    def removes(self) -> bool:
        return self.writes and self.facts.destructive

    @cached_property
    def overwrites(self) -> bool:
        return self.writes and any(leaf.name == "overwrite" and leaf.value is True for leaf in self.leaves)

    @cached_property
    def executes(self) -> bool:
        words = set(self.facts.tool.lower().replace(".", "_").replace("-", "_").split("_"))
        code = any(leaf.name in values.CODE_NAMES and isinstance(leaf.value, str) for leaf in self.leaves)
        return self.writes and (bool(words & _EXECUTING) or code)

    @cached_property
    def moves_money(self) -> bool:
        return self.writes and any(values.is_money(leaf) for leaf in self.leaves)


def assess(facts: CallFacts) -> Assessment:
    """Say how much harm a call can do, and why: the heaviest reason first, and the same order for the same facts."""
    call = _Call(facts)
    floor = facts.risk if facts.known else Level.HIGH
    found = [reason for rule in _RULES for reason in rule(call)]
    level = max([floor, *(reason[0] for reason in found)], key=_ORDER.__getitem__)
    if all(_ORDER[reason[0]] < _ORDER[floor] for reason in found):
        found.append(_declared(floor))
    found.sort(key=lambda reason: -_ORDER[reason[0]])  # stable: among equals as the rules stand below
    return Assessment(level, tuple((code, words) for _level, code, words in found))


def _declared(floor: Level) -> Reason:
    words = {
        Level.READ: _("It only reads."),
        Level.LOW: _("It changes only your own things."),
        Level.MEDIUM: _("The tool says that what it does needs a look."),
        Level.HIGH: _("The tool says that it can do much harm."),
    }
    return floor, "declared", words[floor]


# Whom it reaches --------------------------------------------------------------------------------------------------


def _unknown(call: _Call) -> Iterator[Reason]:
    if not call.facts.known:
        yield Level.HIGH, "unknown-tool", _("Nobody knows what this tool does.")


def _recipients(call: _Call) -> Iterator[Reason]:
    if not call.reaches:
        return
    number, outside = len(call.addresses), len(call.outsiders)
    if number > MANY_RECIPIENTS:
        yield Level.HIGH, "many-recipients", _("It reaches %(n)d people at once.") % {"n": number}
    if any(names.is_for_everybody(address) for address in call.addresses):
        yield Level.HIGH, "everybody", _("One of its addresses stands for many people.")
    if number <= MANY_RECIPIENTS:
        words = ngettext("It reaches %(n)d person.", "It reaches %(n)d people.", number) % {"n": number}
        yield Level.MEDIUM, "reaches-people", words if number else _("It reaches other people.")
    if outside:
        words = ngettext(
            "%(n)d of them is outside your organization.", "%(n)d of them are outside your organization.", outside
        )
        yield Level.MEDIUM, "outsiders", words % {"n": outside}


def _look_alikes(call: _Call) -> Iterator[Reason]:
    if not call.writes:
        return
    for address in call.addresses:
        if names.looks_like_another(address, call.facts.home_domains):
            level = Level.HIGH if call.reaches or not call.facts.known else Level.MEDIUM
            yield level, "look-alike", _("%(address)s can be taken for another address.") % {"address": address}
            return


def _names(call: _Call) -> Iterator[Reason]:
    """What is hidden in paths and in short texts. Prose needs its joiners; what addresses look like is told above."""
    if not call.writes:
        return
    short = [leaf.text for leaf in call.leaves if 0 < len(leaf.text) <= NAME_LENGTH and "\n" not in leaf.text]
    if any(map(has_hidden, call.paths)) or any(map(mixes_scripts, call.paths)):
        yield Level.HIGH, "disguised-path", _("A path holds letters that hide or look like others.")
    elif any(map(has_hidden, short)):
        yield Level.MEDIUM, "hidden-characters", _("A text holds characters that are not seen.")
    elif any(mixes_scripts(text) for text in short if "@" not in text):
        yield Level.MEDIUM, "mixed-letters", _("A text mixes letters of alphabets that look alike.")


# What it does -----------------------------------------------------------------------------------------------------


def _money(call: _Call) -> Iterator[Reason]:
    if not call.moves_money:
        return
    amounts = [values.amount(leaf) for leaf in call.leaves if values.is_money(leaf)]
    if any(amount is None or amount > MUCH_MONEY for amount in amounts):
        yield (
            Level.HIGH,
            "much-money",
            _("It is about more money than %(most)d, or nobody can read how much.") % {"most": MUCH_MONEY},
        )
    elif any(amounts):
        yield Level.MEDIUM, "money", _("It is about money.")


def _removal(call: _Call) -> Iterator[Reason]:
    if not (call.removes or call.overwrites):
        return
    if any(names.is_everything(path) for path in call.paths):
        yield Level.HIGH, "whole-folder", _("It works on everything in a folder.")
    if any(names.is_pattern(path) and not names.is_everything(path) for path in call.paths):
        yield Level.HIGH, "pattern", _("A pattern decides how much is removed.")
    if call.items > MANY_REMOVED:
        yield (
            Level.HIGH,
            "mass-removal",
            _("It removes or overwrites more than %(most)d things.") % {"most": MANY_REMOVED},
        )
    if any(leaf.name in values.SWEEPING_NAMES and leaf.value is True for leaf in call.leaves):
        yield Level.HIGH, "sweeping", _("It removes more than the one thing it names.")
    if call.removes:
        yield Level.MEDIUM, "removes", _("It removes something.")
    if call.overwrites:
        yield Level.MEDIUM, "overwrites", _("It overwrites what is there.")


def _execution(call: _Call) -> Iterator[Reason]:
    if call.executes:
        yield Level.HIGH, "execution", _("It executes a program.")


def _files(call: _Call) -> Iterator[Reason]:
    level = Level.HIGH if call.writes else Level.MEDIUM
    if any(names.leaves_its_folder(path) and not names.is_everything(path) for path in call.paths):
        yield level, "outside-folder", _("A path leads out of the folder.")
    if call.writes and any(map(names.is_executable, call.paths)):
        words = _("A file of it can be started as a program.")
        yield Level.HIGH if call.reaches else Level.MEDIUM, "executable-file", words


def _links(call: _Call) -> Iterator[Reason]:
    level = Level.HIGH if call.reaches or call.executes else Level.MEDIUM
    if any(map(links.is_disguised, call.links)):
        yield level, "disguised-link", _("A link leads elsewhere than it seems to.")
    if any(map(links.leads_to_number, call.links)):
        yield level, "numeric-link", _("A link leads to a machine by its number.")


def _amount_of_it(call: _Call) -> Iterator[Reason]:
    number = call.items
    if number > MANY_ITEMS:
        level = Level.LOW if call.facts.read_only else Level.MEDIUM
        yield level, "many-items", _("It works on %(n)d items at once.") % {"n": number}
    if call.writes and sum(len(leaf.text) for leaf in call.leaves) > LONG_TEXT:
        level = Level.MEDIUM if call.reaches else Level.LOW
        yield level, "long-text", _("Its text is longer than anybody reads before they say yes.")


# Of what, and from whom -------------------------------------------------------------------------------------------


def _labels(call: _Call) -> Iterator[Reason]:
    if not call.facts.labels or call.facts.steers:
        return
    shown = {"labels": ", ".join(sorted(call.facts.labels))}
    if call.reaches and call.outsiders:
        yield Level.HIGH, "labelled-leaves", _("Data marked as %(labels)s may leave your organization.") % shown
    elif call.facts.read_only and call.items <= MANY_ITEMS:
        yield Level.LOW, "labelled", _("It reads data marked as %(labels)s.") % shown
    else:
        yield Level.MEDIUM, "labelled", _("It works on data marked as %(labels)s.") % shown


def _outside(call: _Call) -> Iterator[Reason]:
    """What people outside have written, where it decides something."""
    given = call.from_outside
    if not given:
        return
    if call.reaches and any(name.lower() in values.ADDRESS_NAMES for name in given):
        yield Level.HIGH, "outside-recipients", _("Text from outside decides whom it reaches.")
    if call.removes or call.executes or call.moves_money or call.overwrites or not call.facts.known:
        yield Level.HIGH, "outside-target", _("Text from outside decides what it works on.")
    elif "" in given and call.reaches:
        yield (
            Level.HIGH,
            "outside-step",
            _("Nobody of yours asked for this: it was planned after reading text from outside."),
        )
    elif call.writes:
        level = Level.MEDIUM if call.reaches or given & values.PATH_NAMES else Level.LOW
        yield level, "outside-text", _("Text from outside is a part of it.")
    elif not call.facts.steers and any(_has_link(leaf) for leaf in call.leaves if {leaf.argument, ""} & given):
        yield Level.HIGH, "outside-link", _("Text from outside decides which address is called.")


def _has_link(leaf: values.Leaf) -> bool:
    return bool(links.links(leaf.text))


# In the order in which reasons of the same weight are told.
_RULES: tuple[Callable[[_Call], Iterator[Reason]], ...] = (
    _unknown,
    _look_alikes,
    _execution,
    _outside,
    _removal,
    _money,
    _labels,
    _recipients,
    _names,
    _files,
    _links,
    _amount_of_it,
)
