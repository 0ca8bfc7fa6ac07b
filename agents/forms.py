"""Forms that are made from a schema: the arguments of a step, and the fields of a human step."""

import json
from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from agents.contracts import REFERENCE_STEP, Json, JsonObject
from agents.human_tasks import LONGEST_LONG_TEXT, LONGEST_TEXT

# A text that is longer gets a field of several lines.
_ONE_LINE = 120
_LONG_NAMES = frozenset({"body", "content", "description", "text"})
LARGEST_JSON = 100_000


class ListField(forms.CharField):
    """Texts, one a line."""

    widget = forms.Textarea

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(str(item) for item in value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        return [line.strip() for line in super().clean(value).splitlines() if line.strip()]


class NumberField(forms.FloatField):
    """A whole number stays one."""

    def clean(self, value: Any) -> int | float | None:
        number: float | None = super().clean(value)
        return int(number) if number is not None and number.is_integer() else number


class ValueField(forms.JSONField):
    """Any other value, as JSON."""

    widget = forms.Textarea


class ArgumentsForm(forms.Form):
    """The arguments of a tool, by its JSON Schema. What is left empty is left out; the validator judges the rest.

    Args:
        schema: of the arguments.
        arguments: as they stand. A value that is the result of another step is kept unless one is typed instead.
    """

    prefix = "a"

    def __init__(self, data: Any = None, *, schema: JsonObject, arguments: JsonObject) -> None:
        self._kept = {name: value for name, value in arguments.items() if _is_result(value)}
        shown = {name: value for name, value in arguments.items() if name not in self._kept}
        super().__init__(data, initial=shown)
        properties = schema.get("properties")
        required = schema.get("required")
        for name, part in (properties if isinstance(properties, dict) else {}).items():
            field = _field(name, part if isinstance(part, dict) else {}, shown.get(name))
            field.label = name.replace("_", " ").capitalize()
            field.required = isinstance(required, list) and name in required and name not in self._kept
            field.help_text = self._help(name, part)
            self.fields[name] = field

    def _help(self, name: str, part: Json) -> str:
        if name in self._kept:
            step = self._kept[name][REFERENCE_STEP]  # type: ignore[index, call-overload]  # a reference, by `_is_result`
            return _("The result of step %(step)s. Write something to use that instead.") % {"step": step}
        return str(part.get("description", "")) if isinstance(part, dict) else ""

    def arguments(self) -> JsonObject:
        """What was filled in, in the types of the schema."""
        given = {name: value for name, value in self.cleaned_data.items() if value not in ("", None, [])}
        return {**{name: value for name, value in self._kept.items() if name not in given}, **given}


def _is_result(value: Json) -> bool:
    return isinstance(value, dict) and REFERENCE_STEP in value


def _field(name: str, schema: JsonObject, value: Json) -> forms.Field:
    kinds = _kinds(schema)
    if isinstance(schema.get("enum"), list):
        options = [str(option) for option in schema["enum"]]  # type: ignore[union-attr]  # a list, as just seen
        return forms.ChoiceField(choices=[("", "—"), *((option, option) for option in options)])
    if kinds == {"string"}:
        return _text_field(name, value)
    if kinds <= {"integer", "number"} and kinds:
        return NumberField()
    if kinds == {"boolean"}:
        return forms.BooleanField()
    if kinds == {"array"} and _kinds(schema.get("items")) == {"string"}:
        return ListField(widget=forms.Textarea(attrs={"rows": 2}))
    return ValueField(widget=forms.Textarea(attrs={"rows": 4}))


def _text_field(name: str, value: Json) -> forms.Field:
    if name in _LONG_NAMES or (isinstance(value, str) and ("\n" in value or len(value) > _ONE_LINE)):
        return forms.CharField(widget=forms.Textarea(attrs={"rows": 6}), max_length=LARGEST_JSON)
    return forms.CharField(max_length=LARGEST_JSON)


def _kinds(schema: Json) -> set[str]:
    """The JSON types that a value may have, besides null."""
    if not isinstance(schema, dict):
        return set()
    kind, options = schema.get("type"), schema.get("anyOf")
    if isinstance(options, list):
        return set().union(*(_kinds(option) for option in options)) - {"null"}
    return ({kind} if isinstance(kind, str) else set(map(str, kind)) if isinstance(kind, list) else set()) - {"null"}


class AskFirstForm(forms.Form):
    """A question to people before a step goes ahead."""

    text = forms.CharField(
        label=gettext_lazy("What do you want to ask?"),
        help_text=gettext_lazy("Markdown works: **bold**, lists, links."),
        widget=forms.Textarea(attrs={"rows": 4}),
        max_length=8000,
    )
    people = ListField(
        label=gettext_lazy("Whom?"),
        help_text=gettext_lazy("Addresses of members, one a line. Empty: yourself."),
        widget=forms.Textarea(attrs={"rows": 2}),
        required=False,
    )
    quorum = forms.IntegerField(
        label=gettext_lazy("How many of them have to say yes?"), min_value=1, max_value=50, initial=1
    )
    hours = forms.FloatField(
        label=gettext_lazy("How many hours may it take?"),
        help_text=gettext_lazy("Empty: as long as it takes. When the time is over, no counts."),
        min_value=0.1,
        max_value=24 * 365,
        required=False,
    )

    def arguments(self) -> JsonObject:
        """As `flow.ask` takes them."""
        told = self.cleaned_data
        buttons: list[Json] = [{"id": "yes", "label": _("Yes, go ahead")}, {"id": "no", "label": _("No, leave it out")}]
        arguments: JsonObject = {"text": told["text"], "buttons": buttons, "quorum": told["quorum"]}
        if told["people"]:
            arguments["people"] = told["people"]
        if told["hours"]:
            arguments |= {"minutes": told["hours"] * 60, "default": "no"}
        return arguments


class AnswerForm(forms.Form):
    """The fields of a human step."""

    prefix = "f"

    def __init__(self, data: Any = None, *, form: Mapping[str, Any]) -> None:
        super().__init__(data)
        for field in form.get("fields", []):
            made = _answer_field(field)
            made.label, made.required = field["label"], bool(field.get("required"))
            self.fields[field["name"]] = made

    def values(self) -> JsonObject:
        """What was filled in, in the types of the fields."""
        given = {name: value for name, value in self.cleaned_data.items() if value not in ("", None)}
        return json.loads(json.dumps(given, default=str))  # type: ignore[no-any-return]  # dates become texts


def _answer_field(field: Mapping[str, Any]) -> forms.Field:
    match field.get("type", "text"):
        case "long_text":
            return forms.CharField(widget=forms.Textarea(attrs={"rows": 5}), max_length=LONGEST_LONG_TEXT)
        case "number":
            return NumberField()
        case "date":
            return forms.DateField(widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
        case "choice":
            return forms.ChoiceField(choices=[("", "—"), *((option, option) for option in field.get("options", []))])
        case "yes_no":
            return forms.BooleanField(required=False)
    return forms.CharField(max_length=LONGEST_TEXT)
