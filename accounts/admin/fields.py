"""Form fields of the administration."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectMultipleWidget, UnfoldAdminSelectWidget

from accounts import access
from accounts.contracts import Role

ROLE_LABELS = {
    Role.OWNER: _("Owner"),
    Role.ADMIN: _("Administrator"),
    Role.MEMBER: _("Member"),
    Role.AUDITOR: _("Auditor"),
}


def role_field(**options: Any) -> forms.TypedChoiceField:
    return forms.TypedChoiceField(
        label=_("role"),
        choices=[(role.value, label) for role, label in ROLE_LABELS.items()],
        coerce=Role,
        widget=UnfoldAdminSelectWidget,
        **options,
    )


class RightsField(forms.MultipleChoiceField):
    """Names of actions, and `group.*` for all of a group."""

    def __init__(self, **options: Any) -> None:
        super().__init__(choices=_rights, required=False, widget=UnfoldAdminSelectMultipleWidget, **options)


def _rights() -> list[tuple[str, Any]]:
    actions = access.actions()
    groups = {name.partition(".")[0] for name in actions}
    choices: list[tuple[str, Any]] = [(f"{group}.*", _("everything in %s") % group) for group in groups]
    choices += [(name, f"{action.label} ({name})") for name, action in actions.items()]
    return [("*", _("everything")), *sorted(choices, key=lambda choice: choice[0])]
