"""People in templates."""

from django import template
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts import access, models
from accounts.contracts import Actor, Role

register = template.Library()

_ROLES: dict[str, Promise] = {
    Role.OWNER: _("Owner"),
    Role.ADMIN: _("Administrator"),
    Role.MEMBER: _("Member"),
    Role.AUDITOR: _("Auditor"),
}


@register.filter
def initials(name: str) -> str:
    """One or two capitals that stand for a name."""
    return models.initials(name)


@register.filter
def may(actor: Actor, action: str) -> bool:
    """Whether somebody may do an action, to show only what they may use."""
    return access.may(actor, action)


@register.filter
def role_label(role: str) -> str | Promise:
    return _ROLES.get(role, role)
