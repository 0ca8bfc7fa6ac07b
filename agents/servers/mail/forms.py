"""The form in which a person writes a mail."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from agents.servers.mail.addresses import clean_address, distinct
from agents.servers.mail.composition import BODY_LIMIT, SUBJECT_LIMIT, Letter, clean_subject
from agents.servers.mail.errors import BadAddress, BadText
from agents.servers.mail.services import letter_checked
from jarvis_site.kernel.errors import JarvisError

_ADDRESSES_LIMIT = 25_500  # characters: 100 of the longest addresses


class AddressesField(forms.CharField):
    """Addresses, parted by commas, semicolons or blanks."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value) or ""
        try:
            return distinct(clean_address(part) for part in text.replace(";", ",").replace(",", " ").split())
        except BadAddress as error:
            raise ValidationError(str(error.message), code=error.code) from error

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def run_validators(self, value: Any) -> None:
        """The list has been checked; the text's validators do not fit it."""


class LetterForm(forms.Form):
    """A mail as it is being written. A draft may lack everything; what is sent may not."""

    to = AddressesField(label=_("To"), required=False, max_length=_ADDRESSES_LIMIT)
    cc = AddressesField(label=_("Copy"), required=False, max_length=_ADDRESSES_LIMIT)
    subject = forms.CharField(label=_("Subject"), required=False, max_length=SUBJECT_LIMIT)
    body = forms.CharField(
        label=_("Text"), required=False, max_length=BODY_LIMIT, strip=False, widget=forms.Textarea({"rows": 11})
    )

    def __init__(self, *args: Any, invitation: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.invitation = invitation
        self.fields["to"].widget.attrs |= {"autocomplete": "off", "inputmode": "email", "spellcheck": "false"}
        self.fields["cc"].widget.attrs |= {"autocomplete": "off", "inputmode": "email", "spellcheck": "false"}

    @property
    def sending(self) -> bool:
        return "send" in self.data

    def clean_to(self) -> list[str]:
        to: list[str] = self.cleaned_data["to"]
        if self.sending and not to:
            raise ValidationError(_("Say to whom the mail should go."), code="required")
        return to

    def clean_subject(self) -> str:
        try:
            return clean_subject(self.cleaned_data["subject"])
        except BadText as error:
            raise ValidationError(str(error.message), code=error.code) from error

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                self.letter = self._letter(cleaned)
            except JarvisError as error:
                raise ValidationError(str(error.message), code=error.code) from error
        return cleaned

    def _letter(self, cleaned: dict[str, Any]) -> Letter:
        return letter_checked(
            to=cleaned["to"],
            cc=cleaned["cc"],
            subject=cleaned["subject"],
            body=cleaned["body"],
            invitation=self.invitation,
        )
