"""Forms about accounts."""

from typing import Any
from zoneinfo import available_timezones

from allauth.account.adapter import get_adapter
from allauth.core import context
from django import forms
from django.http import HttpRequest
from django.urls import Resolver404, resolve
from django.utils.translation import gettext_lazy as _

from accounts.errors import InvitationGone
from accounts.models import User
from accounts.selectors.invitations import Invited, invitation_find
from accounts.services.organizations import organization_create

NAME_LENGTH = 100
# The name of the invitation's address.
INVITATION = "invitation"


class OrganizationSignupForm(forms.Form):
    """What signing up asks beside email and password; it creates the organization.

    Who comes from an invitation gets an account only, for the invited address and no other: they know the mail's
    secret, so the address counts as confirmed. They go on to the invitation, where they join.
    """

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

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.invited = invited_by_address(context.request)
        if self.invited is not None:
            del self.fields["organization"]
            # Disabled: whatever a request says instead is not looked at.
            self.fields["email"].disabled = True
            self.initial["email"] = self.invited.email

    def signup(self, request: HttpRequest, user: User) -> None:
        zone = self.cleaned_data["timezone"]
        user.timezone = zone if zone in available_timezones() else "UTC"
        user.save(update_fields=["timezone"])
        if self.invited is not None:
            get_adapter(request).stash_verified_email(request, self.invited.email)
            return
        organization_create(name=self.cleaned_data["organization"], owner=user)


def invited_by_address(request: HttpRequest | None) -> Invited | None:
    """The invitation to which the person goes on after signing up, if it still holds."""
    target = (request.POST.get("next") or request.GET.get("next") or "") if request else ""
    try:
        found = resolve(target)
        return invitation_find(**found.kwargs) if found.url_name == INVITATION else None
    except (Resolver404, InvitationGone):
        return None


class OrganizationForm(forms.Form):
    name = forms.CharField(label=_("Name of the organization"), max_length=NAME_LENGTH)


class ProfileForm(forms.Form):
    name = forms.CharField(label=_("Your name"), max_length=NAME_LENGTH)
    timezone = forms.ChoiceField(
        label=_("Time zone"),
        choices=lambda: [(zone, zone.replace("_", " ")) for zone in sorted(available_timezones())],
        help_text=_("Times are shown, and understood, in this zone."),
    )
