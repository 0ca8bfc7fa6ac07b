"""What browsers post about passkeys, which allauth reads with a library that stumbles over what no browser would send;
and an organization's rules for signing in."""

from collections.abc import Callable
from typing import Any

from allauth.core import context
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.contracts import SignInMethod
from accounts.models import Organization
from accounts.selectors.sign_in import is_last_factor, organizations_needing_factor
from accounts.sign_in import records_of

# What reading made-up base64, CBOR and JSON raises.
_MADE_UP = (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError)


def _read[T](reading: Callable[[], T]) -> T:
    try:
        return reading()
    except _MADE_UP as error:
        raise ValidationError(_("That is no passkey. Nothing was changed; try again.")) from error


class NewPasskeyForm(AddWebAuthnForm):
    def clean(self) -> Any:
        return _read(super().clean)


class PasskeyForm(AuthenticateWebAuthnForm):
    def clean_credential(self) -> Any:
        return _read(super().clean_credential)


class PasskeyLoginForm(LoginWebAuthnForm):
    def clean_credential(self) -> Any:
        return _read(super().clean_credential)


class PasskeyProofForm(ReauthenticateWebAuthnForm):
    def clean_credential(self) -> Any:
        return _read(super().clean_credential)


MINUTES = [
    ("", gettext_lazy("Never")),
    ("5", gettext_lazy("5 minutes")),
    ("15", gettext_lazy("15 minutes")),
    ("30", gettext_lazy("30 minutes")),
    ("60", gettext_lazy("1 hour")),
    ("480", gettext_lazy("8 hours")),
]
HOURS = [
    ("", gettext_lazy("Never")),
    ("8", gettext_lazy("8 hours")),
    ("12", gettext_lazy("12 hours")),
    ("24", gettext_lazy("1 day")),
    ("168", gettext_lazy("7 days")),
]
METHODS = [
    (SignInMethod.PASSWORD.value, gettext_lazy("Password")),
    (SignInMethod.PASSKEY.value, gettext_lazy("Passkey")),
    (SignInMethod.SSO.value, gettext_lazy("Single sign-on")),
]


class FactorRemovalForm(forms.Form):
    """Removing a passkey, or turning the authenticator app off: says whether it may go."""

    def __init__(self, *args: Any, authenticator: Authenticator, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.authenticator = authenticator

    def clean(self) -> dict[str, Any]:
        user = self.authenticator.user
        records = records_of(session=context.request.session, user=user)
        needing = organizations_needing_factor(user=user, records=records)
        if needing and is_last_factor(self.authenticator):
            raise ValidationError(_refusal([organization.name for organization in needing]), code="last_factor")
        return self.cleaned_data


def _refusal(names: list[str]) -> str:
    one, more = (
        _("%(names)s requires a second factor, and this is your last one. Add another one first."),
        _("%(names)s require a second factor, and this is your last one. Add another one first."),
    )
    return (one if len(names) == 1 else more) % {"names": get_text_list(names, _("and"))}


class SignInRulesForm(forms.Form):
    mfa_required = forms.BooleanField(
        label=gettext_lazy("Everybody needs a second factor"),
        required=False,
        help_text=gettext_lazy("Who has none is led to setting one up before they get in."),
    )
    idle_minutes = forms.TypedChoiceField(
        label=gettext_lazy("Ask again who it is after this time without activity"),
        choices=MINUTES,
        coerce=int,
        empty_value=None,
        required=False,
    )
    session_hours = forms.TypedChoiceField(
        label=gettext_lazy("Sign in anew after"),
        choices=HOURS,
        coerce=int,
        empty_value=None,
        required=False,
        help_text=gettext_lazy("Runs go on; only the browser has to sign in."),
    )
    sign_in_methods = forms.MultipleChoiceField(
        label=gettext_lazy("Ways to sign in that count here"),
        choices=METHODS,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None ticked: all of them."),
    )

    def __init__(self, data: QueryDict | None, *, organization: Organization) -> None:
        super().__init__(data, initial={name: getattr(organization, name) for name in self.base_fields})
        self._offer("idle_minutes", MINUTES, organization.idle_minutes)
        self._offer("session_hours", HOURS, organization.session_hours)

    def rules(self) -> dict[str, Any]:
        """What was chosen, as the service takes it."""
        methods = [SignInMethod(value) for value in self.cleaned_data["sign_in_methods"]]
        return {**self.cleaned_data, "sign_in_methods": methods}

    def _offer(self, name: str, choices: list[tuple[str, Any]], value: int | None) -> None:
        """A value that was set in another way stays to be chosen."""
        field = self.fields[name]
        if isinstance(field, forms.ChoiceField) and value is not None and str(value) not in dict(choices):
            field.choices = [*choices, (str(value), str(value))]
