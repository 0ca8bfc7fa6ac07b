"""How questions to people are worded in the templates."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django import template
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from permissions.contracts import Choice, ConsentState
from permissions.models import Consent, Grant
from permissions.payloads.characters import visible
from permissions.policy import ADDRESS_ARGUMENTS
from permissions.selectors import GrantState, destroys

register = template.Library()

type Words = Mapping[str, str | Promise]

_RISKS: Words = {
    "read": gettext_lazy("Reads"),
    "low": gettext_lazy("Low risk"),
    "medium": gettext_lazy("Medium risk"),
    "high": gettext_lazy("High risk"),
}
_RISK_TONES = {"medium": "wait", "high": "bad"}
_REVERSIBILITIES: Words = {
    "undoable": gettext_lazy("Can be undone"),
    "final": gettext_lazy("Final, cannot be undone"),
}
_REVERSIBILITY_ICONS = {"undoable": "undo", "final": "final"}
_RULES: Words = {
    "plan": gettext_lazy("Plans are shown first"),
    "open-values": gettext_lazy("Not known before"),
    "reads-approved": gettext_lazy("Only reads approved"),
    "steers": gettext_lazy("Steers the plan"),
    "unknown-tool": gettext_lazy("Unknown tools"),
    "reaches-people": gettext_lazy("Reaches other people"),
    "destroys": gettext_lazy("Removes or overwrites"),
    "reads": gettext_lazy("Reads only"),
    "own-writes": gettext_lazy("Your own things"),
    "limit": gettext_lazy("Limits"),
    "outside-values": gettext_lazy("Written outside"),
    "grant": gettext_lazy("Allowed in advance"),
    "never": gettext_lazy("Refused in advance"),
}
_CHOICES: Mapping[Choice, str | Promise] = {
    Choice.RUN: gettext_lazy("For this run"),
    Choice.HALF_HOUR: gettext_lazy("For 30 minutes"),
    Choice.HOUR: gettext_lazy("For 1 hour"),
    Choice.TODAY: gettext_lazy("For today"),
    Choice.ALWAYS: gettext_lazy("Always"),
}
_STATES: Mapping[str, tuple[str | Promise, str]] = {
    ConsentState.PENDING: (gettext_lazy("Waiting for you"), "wait"),
    ConsentState.APPROVED: (gettext_lazy("Approved"), "ok"),
    ConsentState.DENIED: (gettext_lazy("Rejected"), "bad"),
    ConsentState.EXPIRED: (gettext_lazy("Expired"), "off"),
    ConsentState.WITHDRAWN: (gettext_lazy("No longer needed"), "off"),
}
_ANSWERS: Words = {
    ConsentState.PENDING: gettext_lazy("Not answered yet"),
    ConsentState.APPROVED: gettext_lazy("Agreed"),
    ConsentState.DENIED: gettext_lazy("Refused"),
    ConsentState.EXPIRED: gettext_lazy("Not answered"),
    ConsentState.WITHDRAWN: gettext_lazy("Not needed any more"),
}
MOST_COUNTED = 99
_ICONS = {"mail": "mail", "calendar": "calendar", "files": "folder"}
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_HALF = timedelta(hours=12)


@register.filter
def risk_label(risk: str) -> str | Promise:
    return _RISKS.get(risk, risk)


@register.filter
def risk_tone(risk: str) -> str:
    """The tone of its chip."""
    return _RISK_TONES.get(risk, "")


@register.filter
def reversibility_label(reversibility: str) -> str | Promise:
    return _REVERSIBILITIES.get(reversibility, "")


@register.filter
def reversibility_icon(reversibility: str) -> str:
    return _REVERSIBILITY_ICONS.get(reversibility, "")


@register.filter
def rule_label(rule: str) -> str | Promise:
    if rule.startswith("rule:"):
        return _("A rule of your organization")
    return _RULES.get(rule, rule)


@register.simple_tag
def longer_choices() -> list[tuple[str, str | Promise]]:
    """For how long an answer can hold besides once: value and label."""
    return [(choice.value, label) for choice, label in _CHOICES.items()]


@register.filter
def choice_scope(consent: Consent) -> str:
    """What an answer that holds for longer allows."""
    people = [str(visible(str(item))[0]) for name in ADDRESS_ARGUMENTS for item in consent.arguments.get(name) or ()]
    if destroys(consent):
        return _("Allows exactly this, as often as it is wanted. It can be ended in the settings.")
    if people:
        return _(
            "Allows this for exactly these people (%(people)s), whatever it says. It can be ended in the settings."
        ) % {"people": ", ".join(people)}
    return _("Allows every call of this tool that names no people. It can be ended in the settings.")


_GRANT_STATES: Mapping[str, tuple[str | Promise, str]] = {
    GrantState.LIVE: (gettext_lazy("Holds"), "ok"),
    GrantState.REFUSAL: (gettext_lazy("Refuses"), "bad"),
    GrantState.SUSPENDED: (gettext_lazy("Asleep"), "wait"),
    GrantState.ENDED: (gettext_lazy("Ended"), "off"),
}


@register.filter
def grant_state_label(state: str) -> str | Promise:
    return _GRANT_STATES[state][0]


@register.filter
def grant_state_tone(state: str) -> str:
    return _GRANT_STATES[state][1]


@register.filter
def choice_label(choice: str) -> str | Promise:
    """For how long a standing answer holds."""
    return _("Never") if choice == Choice.NEVER else _CHOICES[Choice(choice)]


@register.filter
def grant_scope(grant: Grant) -> str:
    """What it is about, in words."""
    people = [visible(str(item))[0] for name in ADDRESS_ARGUMENTS for item in grant.arguments.get(name) or ()]
    if people:
        return _("only to %(people)s") % {"people": ", ".join(map(str, people))}
    if any(name not in ADDRESS_ARGUMENTS for name in grant.arguments):
        return _("only exactly this call")
    return _("every call that names no people") if grant.arguments else _("every call")


@register.filter
def state_label(state: str) -> str | Promise:
    return _STATES[state][0]


@register.filter
def answer_label(state: str) -> str | Promise:
    """What one of those who were asked has said."""
    return _ANSWERS[state]


@register.filter
def up_to(number: int) -> str:
    """A count beside a tab, which is not counted further than people would."""
    return f"{MOST_COUNTED}+" if number > MOST_COUNTED else str(number)


@register.filter
def state_tone(state: str) -> str:
    """The look of its pill."""
    return _STATES[state][1]


@register.filter
def tool_icon(tool: str) -> str:
    """An icon for a tool by its server; that of runs for a plan, which names no tool."""
    if not tool:
        return "runs"
    return _ICONS.get(tool.partition(".")[0], "agents")


@register.filter
def time_left(until: datetime) -> str:
    """How long there is to answer, in words."""
    left = until - timezone.now()
    if left <= timedelta():
        return _("Time is over")
    # Rounded, so that seven days are not called six at once.
    return _("%(time)s left") % {"time": _length(left + _HALF if left > timedelta(days=1) else left)}


@register.filter
def age(moment: datetime) -> str:
    """How long ago, in words."""
    return _length(timezone.now() - moment)


@register.filter
def percent_left(consent: Consent) -> int:
    """How much of the time to answer is left, in whole percent."""
    whole = (consent.expires_at - consent.asked_at).total_seconds()
    left = (consent.expires_at - timezone.now()).total_seconds()
    return max(0, min(100, round(100 * left / whole))) if whole > 0 else 0


def _length(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    if seconds < _MINUTE:
        return _("less than a minute")
    if seconds < _HOUR:
        return ngettext("%(n)d minute", "%(n)d minutes", seconds // _MINUTE) % {"n": seconds // _MINUTE}
    if seconds < _DAY:
        return ngettext("%(n)d hour", "%(n)d hours", seconds // _HOUR) % {"n": seconds // _HOUR}
    return ngettext("%(n)d day", "%(n)d days", seconds // _DAY) % {"n": seconds // _DAY}
