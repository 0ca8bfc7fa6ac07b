"""Forms about the organization and the ways into it."""

import re

from django import forms
from django.core.validators import validate_slug
from django.utils.translation import gettext_lazy as _

from accounts.contracts import JoinMode
from accounts.forms.rights import RoleForm
from accounts.services.organizations import SLUG_LENGTH

NAME_LENGTH = 100
# Some hundred addresses with names; the service says how many are too many.
PASTE_LENGTH = 60_000
JOIN_CHOICES = [
    (JoinMode.NOTHING.value, _("They need an invitation")),
    (JoinMode.REQUEST.value, _("They may ask to join")),
    (JoinMode.AUTOMATIC.value, _("They join by themselves")),
]


class OrganizationSettingsForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=NAME_LENGTH)
    slug = forms.CharField(
        label=_("Address"),
        max_length=SLUG_LENGTH,
        validators=[validate_slug],
        help_text=_("The part after /o/. The old address goes on leading here, also from mails that were sent."),
    )

    def clean_slug(self) -> str:
        return str(self.cleaned_data["slug"]).lower()


class InvitationsForm(RoleForm):
    """One address or many."""

    addresses = forms.CharField(
        label=_("E-mail addresses"),
        max_length=PASTE_LENGTH,
        widget=forms.Textarea({"rows": 4, "autocomplete": "off", "spellcheck": "false"}),
        help_text=_("One on each line, or with commas between; 200 at most."),
    )
    field_order = ["addresses", "role"]

    def lines(self) -> list[str]:
        return re.split(r"[\n,;]", self.cleaned_data["addresses"])


class DomainForm(forms.Form):
    domain = forms.CharField(
        label=_("Domain"), max_length=253, widget=forms.TextInput({"placeholder": "example.com", "autocomplete": "off"})
    )
    join = forms.ChoiceField(
        label=_("People with an address there"), choices=JOIN_CHOICES, initial=JoinMode.REQUEST.value
    )


class JoinForm(forms.Form):
    """What people of one domain may do."""

    join = forms.ChoiceField(label=_("People with an address there"), choices=JOIN_CHOICES)

    def mode(self) -> JoinMode:
        return JoinMode(self.cleaned_data["join"])


class ReasonForm(forms.Form):
    """Why somebody is kept out; for the audit trail."""

    reason = forms.CharField(
        label=_("Reason"), max_length=300, required=False, help_text=_("Kept with the record of this act.")
    )
