"""How rules are worded in the templates."""

from django import template
from django.utils.dates import WEEKDAYS
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

register = template.Library()

type Words = dict[str, tuple[str | Promise, str]]

_EFFECTS: Words = {
    "ask": (gettext_lazy("asks"), "wait"),
    "deny": (gettext_lazy("refuses"), "bad"),
    "allow": (gettext_lazy("lets go"), "ok"),
}
_VERDICTS: Words = {
    "ask": (gettext_lazy("asked"), "wait"),
    "deny": (gettext_lazy("refused"), "bad"),
    "allow": (gettext_lazy("done"), "ok"),
}
_STATES: Words = {
    "draft": (gettext_lazy("Draft"), "off"),
    "shadow": (gettext_lazy("In the shadow"), "wait"),
    "enforced": (gettext_lazy("Decides"), "ok"),
}
_ACTS = {
    "draft": gettext_lazy("Make it a draft"),
    "shadow": gettext_lazy("Put it in the shadow"),
    "enforced": gettext_lazy("Let it decide"),
}


@register.filter
def effect_label(effect: str) -> str | Promise:
    return _EFFECTS[effect][0]


@register.filter
def effect_tone(effect: str) -> str:
    return _EFFECTS[effect][1]


@register.filter
def verdict_label(verdict: str) -> str | Promise:
    return _VERDICTS[verdict][0]


@register.filter
def verdict_tone(verdict: str) -> str:
    return _VERDICTS[verdict][1]


@register.filter
def rule_state_label(state: str) -> str | Promise:
    return _STATES[state][0]


@register.filter
def rule_state_tone(state: str) -> str:
    """The look of its pill."""
    return _STATES[state][1]


@register.filter
def rule_state_act(state: str) -> str | Promise:
    """What a button says that gives a rule this state."""
    return _ACTS[state]


@register.filter
def weekday_label(day: int) -> str | Promise:
    """`day`: 1 (Monday) to 7."""
    return WEEKDAYS[day - 1]
