"""Forms about keys and service accounts."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts import access

NAME_LENGTH, TOKEN_NAME_LENGTH, ACCOUNT_NAME_LENGTH = 80, 60, 100
_FOREVER = "forever"
LIFETIMES = [("30", _("30 days")), ("90", _("90 days")), ("365", _("1 year")), (_FOREVER, _("until it is revoked"))]
EVERYTHING = "*"


class LifetimeForm(forms.Form):
    """A secret with a name and an end."""

    name = forms.CharField(
        label=_("Name"), max_length=NAME_LENGTH, help_text=_("What uses it, so that you know later what to revoke.")
    )
    days = forms.ChoiceField(label=_("Works for"), choices=LIFETIMES, initial="90")

    def lifetime(self) -> timedelta | None:
        days = self.cleaned_data["days"]
        return None if days == _FOREVER else timedelta(days=int(days))


class KeyForm(LifetimeForm):
    """A key with what it may.

    Args:
        may: the names of the actions that its owner may do, to choose from.
    """

    scopes = forms.MultipleChoiceField(
        label=_("May"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one.")},
    )

    def __init__(self, *args: Any, may: Iterable[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["scopes"].choices = [  # type: ignore[attr-defined]  # the field above
            (EVERYTHING, _("Everything its owner may, but not approve (*)")),
            *((name, _line(name)) for name in sorted(may)),
        ]

    field_order = ["name", "scopes", "days"]


def _line(action: str) -> str:
    label = str(access.actions()[action].label)
    return f"{label[:1].upper()}{label[1:]} ({action})"


class TokenForm(LifetimeForm):
    name = forms.CharField(
        label=_("Name"), max_length=TOKEN_NAME_LENGTH, help_text=_("The directory that uses it, for example Okta.")
    )


class ServiceAccountForm(forms.Form):
    name = forms.CharField(
        label=_("Name"),
        max_length=ACCOUNT_NAME_LENGTH,
        help_text=_("What the program does, for example Nightly import."),
    )
