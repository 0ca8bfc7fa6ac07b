"""Forms about accounts."""

from zoneinfo import available_timezones

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.services.organizations import organization_create

NAME_LENGTH = 100


class OrganizationSignupForm(forms.Form):
    """What signing up asks beside email and password; it creates the organization."""

    name = forms.CharField(
        label=_("Your name"), max_length=NAME_LENGTH, widget=forms.TextInput({"autocomplete": "name"})
    )
    organization = forms.CharField(
        label=_("Organization"),
        max_length=NAME_LENGTH,
        widget=forms.TextInput({"autocomplete": "organization"}),
        help_text=_("You become its owner. You can belong to several."),
    )
    timezone = forms.CharField(required=False, widget=forms.HiddenInput({"data-timezone": ""}))

    field_order = ["name", "organization", "email", "password1"]

    def signup(self, request: HttpRequest, user: User) -> None:  # noqa: ARG002 - allauth's signature
        zone = self.cleaned_data["timezone"]
        user.timezone = zone if zone in available_timezones() else "UTC"
        user.save(update_fields=["timezone"])
        organization_create(name=self.cleaned_data["organization"], owner=user)


class OrganizationForm(forms.Form):
    name = forms.CharField(label=_("Name of the organization"), max_length=NAME_LENGTH)


class ProfileForm(forms.Form):
    name = forms.CharField(label=_("Your name"), max_length=NAME_LENGTH)
    timezone = forms.ChoiceField(
        label=_("Time zone"),
        choices=lambda: [(zone, zone.replace("_", " ")) for zone in sorted(available_timezones())],
        help_text=_("Times are shown, and understood, in this zone."),
    )
