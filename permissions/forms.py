"""Forms for rules, labels and questions about decisions."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import time
from typing import Any

from django import forms
from django.forms import BoundField
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.contracts import Role
from accounts.selectors import members_list
from accounts.selectors.members import teams_tree
from accounts.templatetags.people import role_label
from permissions.contracts import Review, Reviewers, RuleSpec, Verdict
from permissions.policy import LONGEST_CONDITION, problem_of
from permissions.selectors.catalogue import tools_known
from permissions.selectors.rules import labels_list
from permissions.services.rules import (
    LONGEST_ESCALATION,
    LONGEST_LABEL,
    LONGEST_NAME,
    LONGEST_TOOL,
    MOST_ANSWERS,
    rule_problem,
)

EFFECTS = {
    Verdict.ASK: gettext_lazy("Ask somebody first"),
    Verdict.DENY: gettext_lazy("Refuse it"),
    Verdict.ALLOW: gettext_lazy("Do it without asking"),
}
# Arguments longer than this are no example of a call any more.
LONGEST_ARGUMENTS = 20_000
DEEPEST_ARGUMENTS = 30

type Choices = list[tuple[str, Any]]


class Ticks(forms.MultipleChoiceField):
    """Any number of a list, as boxes: they work by keyboard, on a phone and without JavaScript."""

    widget = forms.CheckboxSelectMultiple

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)


class RuleForm(forms.Form):
    """A rule. `said` is what was filled in, once it is valid.

    Args:
        spec: the rule as it is stored; devices stay as they are.
    """

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=LONGEST_NAME,
        help_text=gettext_lazy("People read it when the rule stops or asks them."),
    )
    effect = forms.ChoiceField(
        label=gettext_lazy("What happens"),
        choices=[(effect.value, label) for effect, label in EFFECTS.items()],
        widget=forms.RadioSelect,
        initial=Verdict.ASK.value,
    )
    tools = Ticks(label=gettext_lazy("Tools"), help_text=gettext_lazy("None: every tool."))
    patterns = forms.CharField(
        label=gettext_lazy("Tools by pattern"),
        required=False,
        widget=forms.Textarea({"rows": 2, "class": "input mono", "spellcheck": "false"}),
        help_text=gettext_lazy("One in each line. * stands for any characters: mail.* is everything in mail."),
    )
    roles = Ticks(label=gettext_lazy("Roles"), help_text=gettext_lazy("Of the person it is done for. None: any."))
    teams = Ticks(label=gettext_lazy("Teams"), help_text=gettext_lazy("With all teams below them. None: any."))
    labels = Ticks(label=gettext_lazy("Labels of data"), help_text=gettext_lazy("None: any data."))
    weekdays = Ticks(label=gettext_lazy("Weekdays"), help_text=gettext_lazy("None: every day."))
    from_time = forms.TimeField(
        label=gettext_lazy("From"), required=False, widget=forms.TimeInput({"type": "time"}, format="%H:%M")
    )
    until_time = forms.TimeField(
        label=gettext_lazy("Until"),
        required=False,
        widget=forms.TimeInput({"type": "time"}, format="%H:%M"),
        help_text=gettext_lazy("In the person's time zone. 22:00 until 06:00 goes over midnight."),
    )
    answers = Ticks(label=gettext_lazy("Who answers"), help_text=gettext_lazy("None: the person it is done for."))
    quorum = forms.IntegerField(
        label=gettext_lazy("How many have to agree"), min_value=1, max_value=MOST_ANSWERS, initial=1, required=False
    )
    own_answer = forms.BooleanField(
        label=gettext_lazy("The person it is done for may be one of them"), required=False, initial=True
    )
    proof = forms.BooleanField(label=gettext_lazy("Whoever answers shows once more who they are"), required=False)
    escalate_minutes = forms.IntegerField(
        label=gettext_lazy("Ask others after so many minutes without an answer"),
        min_value=1,
        max_value=LONGEST_ESCALATION,
        required=False,
    )
    later = Ticks(label=gettext_lazy("Who is asked then as well"))
    condition = forms.CharField(
        label=gettext_lazy("Condition"),
        required=False,
        max_length=LONGEST_CONDITION,
        widget=forms.Textarea({"rows": 4, "class": "input mono", "spellcheck": "false"}),
    )

    _PARTS = (
        (gettext_lazy("What it is about"), ("tools", "patterns", "labels")),
        (gettext_lazy("Whom and when"), ("roles", "teams", "weekdays", "from_time", "until_time")),
    )
    _REVIEW = ("answers", "quorum", "own_answer", "proof", "escalate_minutes", "later")

    def __init__(self, data: Mapping[str, Any] | None = None, *, spec: RuleSpec | None = None) -> None:
        super().__init__(data, initial=_initial(spec) if spec else None)
        self._spec = spec
        self.said: RuleSpec | None = None
        known = {tool.name: tool.title for tool in tools_known()}
        self._choose("tools", [(name, f"{title} ({name})") for name, title in known.items()])
        self._choose("roles", _roles())
        self._choose("teams", _teams())
        labels = {label.label for label in labels_list()} | set(spec.labels if spec else ())
        self._choose("labels", [(label, label) for label in sorted(labels)])
        self._choose("weekdays", [(str(day + 1), name) for day, name in WEEKDAYS.items()])
        people = _people()
        self._choose("answers", people)
        self._choose("later", people)

    def _choose(self, name: str, choices: Choices) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]  # a MultipleChoiceField

    def first(self) -> Iterator[BoundField]:
        return (self[name] for name in ("name", "effect"))

    def parts(self) -> Iterator[tuple[Any, list[BoundField]]]:
        """Headings with the fields below them, those without any choice left out."""
        for title, names in self._PARTS:
            yield title, [self[name] for name in names if getattr(self.fields[name], "choices", True)]

    def review(self) -> Iterator[BoundField]:
        return (self[name] for name in self._REVIEW)

    def clean(self) -> None:
        if self.errors:
            return
        said = self._said()
        bare = RuleSpec(id="draft", name=said.name, effect=said.effect, condition=said.condition)
        if problem := problem_of(bare):
            self.add_error("condition", problem)
        elif problem := rule_problem(said):
            self.add_error(None, problem)
        else:
            self.said = said

    def _said(self) -> RuleSpec:
        given = self.cleaned_data
        effect = Verdict(given["effect"])
        patterns = [line.strip() for line in given["patterns"].splitlines() if line.strip()]
        return RuleSpec(
            id=self._spec.id if self._spec else "",
            name=given["name"],
            effect=effect,
            roles=tuple(given["roles"]),
            teams=tuple(given["teams"]),
            tools=tuple(dict.fromkeys([*given["tools"], *patterns])),
            labels=tuple(given["labels"]),
            devices=self._spec.devices if self._spec else (),
            weekdays=tuple(map(int, given["weekdays"])),
            from_minute=_minute(given["from_time"]),
            until_minute=_minute(given["until_time"]),
            condition=given["condition"].strip(),
            review=self._review() if effect is Verdict.ASK else Review(),
        )

    def _review(self) -> Review:
        given = self.cleaned_data
        return Review(
            reviewers=_reviewers(given["answers"]),
            quorum=given["quorum"] or 1,
            own_answer=given["own_answer"],
            proof=given["proof"],
            escalate_minutes=given["escalate_minutes"] or 0,
            escalate_to=_reviewers(given["later"]),
        )


class LabelForm(forms.Form):
    """Which calls touch a kind of data."""

    label = forms.CharField(label=gettext_lazy("Label"), max_length=LONGEST_LABEL)
    tool = forms.CharField(
        label=gettext_lazy("Tool"),
        max_length=LONGEST_TOOL,
        help_text=gettext_lazy("Its full name, such as files.write. * stands for any characters."),
    )
    argument = forms.CharField(
        label=gettext_lazy("Argument"),
        max_length=60,
        required=False,
        help_text=gettext_lazy("Empty: every call of the tool carries the label."),
    )
    pattern = forms.CharField(
        label=gettext_lazy("What the argument is like"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("For example finance/*, or *@bank.example."),
    )


class ExplainForm(forms.Form):
    """A call that is not made, to see what would be decided.

    Args:
        everybody: the call may be for anybody; otherwise it is one's own.
    """

    tool = forms.ChoiceField(label=gettext_lazy("Tool"))
    member = forms.ChoiceField(label=gettext_lazy("For"))
    arguments = forms.CharField(
        label=gettext_lazy("Arguments"),
        required=False,
        max_length=LONGEST_ARGUMENTS,
        widget=forms.Textarea({"rows": 6, "class": "input mono", "spellcheck": "false"}),
        help_text=gettext_lazy('As JSON: {"to": ["raj@example.com"], "subject": "Hello"}'),
    )

    def __init__(self, data: Mapping[str, Any] | None = None, *, own: str, everybody: bool) -> None:
        super().__init__(data, initial={"member": own})
        self.fields["tool"].choices = [  # type: ignore[attr-defined]  # a ChoiceField
            (tool.name, f"{tool.title} ({tool.name})") for tool in tools_known()
        ]
        people = [(str(one.id), one.user.name or one.user.email) for one in members_list()]
        mine = [(key, name) for key, name in people if key == own]
        self.fields["member"].choices = people if everybody else mine  # type: ignore[attr-defined]  # a ChoiceField

    def clean_arguments(self) -> dict[str, Any]:
        text = self.cleaned_data["arguments"].strip()
        try:
            found = json.loads(text or "{}", parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(_("This is no JSON.")) from error
        if not isinstance(found, dict):
            raise forms.ValidationError(_("Arguments are a JSON object: names with values."))
        if _is_deep(found):
            raise forms.ValidationError(_("No tool takes lists inside of lists that deep."))
        return found


def _is_deep(value: Any) -> bool:
    level = [value]
    for _depth in range(DEEPEST_ARGUMENTS):
        level = [
            part
            for item in level
            if isinstance(item, dict | list)
            for part in (item.values() if isinstance(item, dict) else item)
        ]
    return bool(level)


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _initial(spec: RuleSpec) -> dict[str, Any]:
    known = {tool.name for tool in tools_known()}
    review = spec.review
    return {
        "name": spec.name,
        "effect": spec.effect.value,
        "tools": [tool for tool in spec.tools if tool in known],
        "patterns": "\n".join(tool for tool in spec.tools if tool not in known),
        "roles": spec.roles,
        "teams": spec.teams,
        "labels": spec.labels,
        "weekdays": [str(day) for day in spec.weekdays],
        "from_time": _time(spec.from_minute),
        "until_time": _time(spec.until_minute),
        "answers": _values(review.reviewers),
        "quorum": review.quorum,
        "own_answer": review.own_answer,
        "proof": review.proof,
        "escalate_minutes": review.escalate_minutes or None,
        "later": _values(review.escalate_to),
        "condition": spec.condition,
    }


def _minute(moment: time | None) -> int | None:
    return None if moment is None else moment.hour * 60 + moment.minute


def _time(minute: int | None) -> time | None:
    return None if minute is None else time(minute // 60, minute % 60)


def _roles() -> Choices:
    return [(role.value, role_label(role.value)) for role in Role]


def _teams() -> Choices:
    return [(str(row.team.id), "\N{EN DASH} " * row.depth + row.team.name) for row in teams_tree()]


def _people() -> Choices:
    """Who can answer: roles, teams, people."""
    people = [(f"member:{one.id}", one.user.name or one.user.email) for one in members_list()]
    groups = [
        (_("Roles"), [(f"role:{value}", label) for value, label in _roles()]),
        (_("Teams"), [(f"team:{value}", label) for value, label in _teams()]),
        (_("People"), people),
    ]
    return [(title, choices) for title, choices in groups if choices]


def _values(who: Reviewers) -> list[str]:
    return [
        *(f"member:{one}" for one in who.members),
        *(f"role:{one}" for one in who.roles),
        *(f"team:{one}" for one in who.teams),
    ]


def _reviewers(values: Iterable[str]) -> Reviewers:
    parts: dict[str, list[str]] = {"member": [], "role": [], "team": []}
    for value in values:
        kind, _colon, name = value.partition(":")
        parts[kind].append(name)
    return Reviewers(tuple(parts["member"]), tuple(parts["role"]), tuple(parts["team"]))
