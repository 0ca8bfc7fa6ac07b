"""What browsers post about passkeys. allauth reads it with a library that stumbles over what no browser would send."""

from collections.abc import Callable
from typing import Any

from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

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
