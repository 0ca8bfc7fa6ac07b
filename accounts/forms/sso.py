"""Forms about identity providers."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.contracts import Protocol, Role
from accounts.models import IdentityProvider
from accounts.services.sso import ProviderDraft
from accounts.sso import saml
from accounts.sso.contracts import SignInRefused
from accounts.sso.fetching import checked_url
from accounts.templatetags.people import role_label

NAME_LENGTH = 60
ADDRESS_LENGTH = 500
ROLES = [(role.value, role_label(role)) for role in Role]
# A group of each role is enough for every organization seen; each line is looked at for every sign-in.
MOST_MAPPINGS = 50


class ProviderForm(forms.Form):
    """What both protocols ask."""

    protocol: Protocol
    name = forms.CharField(
        label=_("Name"), max_length=NAME_LENGTH, help_text=_("People read it on the button: “Continue with …”.")
    )
    creates_members = forms.BooleanField(
        label=_("Let people in who are not members yet"),
        required=False,
        initial=True,
        help_text=_("They become members at their first sign-in."),
    )
    default_role = forms.ChoiceField(
        label=_("Role of new members"), choices=ROLES[1:], initial=Role.MEMBER.value, required=False
    )
    role_claim = forms.CharField(
        label=_("Claim or attribute with groups"),
        required=False,
        max_length=80,
        help_text=_("For example: groups. Empty: roles are given here, not by the provider."),
    )
    role_map = forms.CharField(
        label=_("Roles of groups"),
        required=False,
        widget=forms.Textarea({"rows": 4, "spellcheck": "false"}),
        help_text=_(
            "One line each: group = owner, admin, member or auditor. The highest counts, at every sign-in; without any"
            " it is the role of new members. Owners stay owners unless a line names owner."
        ),
    )
    trusts_email = forms.BooleanField(
        label=_("The provider gives out verified email addresses only"),
        required=False,
        help_text=_("For providers that do not say so with each sign-in. One that says “not verified” is believed."),
    )

    def clean_role_map(self) -> dict[str, Role]:
        found: dict[str, Role] = {}
        for line in filter(None, map(str.strip, self.cleaned_data["role_map"].splitlines())):
            value, equals, role = (part.strip() for part in line.rpartition("="))
            if not equals or not value or role not in set(Role):
                raise forms.ValidationError(_("“%(line)s” is not: group = role."), params={"line": line[:80]})
            found[value] = Role(role)
        if len(found) > MOST_MAPPINGS:
            raise forms.ValidationError(_("These are too many lines."))
        return found

    def clean_default_role(self) -> Role:
        return Role(self.cleaned_data["default_role"] or Role.MEMBER)

    def draft(self) -> ProviderDraft:
        """What was filled in; only when it is valid."""
        data = self.cleaned_data
        return ProviderDraft(
            name=data["name"],
            config={**self.config(), "trusts_email": data["trusts_email"]},
            secret=self.secret(),
            creates_members=data["creates_members"],
            default_role=data["default_role"],
            role_claim=data["role_claim"].strip(),
            role_map=data["role_map"],
        )

    def config(self) -> dict[str, Any]:
        raise TypeError("each protocol has its own")

    def secret(self) -> str | None:
        return None

    @classmethod
    def filled(cls, provider: IdentityProvider) -> dict[str, Any]:
        """Initial values; a secret is never shown again."""
        mapping = "\n".join(f"{value} = {role}" for value, role in provider.role_map.items())
        return {
            **provider.config,
            "name": provider.name,
            "creates_members": provider.creates_members,
            "default_role": provider.default_role,
            "role_claim": provider.role_claim,
            "role_map": mapping,
        }


class OidcForm(ProviderForm):
    protocol = Protocol.OIDC
    issuer = forms.CharField(
        label=_("Issuer"),
        max_length=ADDRESS_LENGTH,
        widget=forms.URLInput(),
        help_text=_("Exactly as the provider writes it, for example https://login.example.com."),
    )
    client_id = forms.CharField(label=_("Client id"), max_length=200)
    client_secret = forms.CharField(
        label=_("Client secret"),
        required=False,
        max_length=ADDRESS_LENGTH,
        widget=forms.PasswordInput({"autocomplete": "off"}),
        help_text=_("Kept encrypted, and never shown again. Leave it empty to keep the present one."),
    )
    scopes = forms.CharField(
        label=_("More scopes"),
        required=False,
        max_length=200,
        help_text=_("Beside openid, email and profile; some providers want one for groups."),
    )
    field_order = ["name", "issuer", "client_id", "client_secret", "scopes"]

    def clean_issuer(self) -> str:
        return _usable(self.cleaned_data["issuer"])

    def config(self) -> dict[str, Any]:
        return {
            "issuer": self.cleaned_data["issuer"],
            "client_id": self.cleaned_data["client_id"],
            "scopes": " ".join(self.cleaned_data["scopes"].split()),
        }

    def secret(self) -> str | None:
        return self.cleaned_data["client_secret"] or None


class SamlForm(ProviderForm):
    protocol = Protocol.SAML
    entity_id = forms.CharField(label=_("Entity id of the provider"), max_length=ADDRESS_LENGTH)
    sso_url = forms.CharField(
        label=_("Sign-on address of the provider"),
        max_length=ADDRESS_LENGTH,
        widget=forms.URLInput(),
        help_text=_("With the binding HTTP-Redirect."),
    )
    certificates = forms.CharField(
        label=_("Signing certificate"),
        widget=forms.Textarea({"rows": 6, "spellcheck": "false", "class": "mono"}),
        help_text=_("PEM. Several one below the other while the provider changes its key."),
    )
    field_order = ["name", "entity_id", "sso_url", "certificates"]

    def clean_sso_url(self) -> str:
        return _usable(self.cleaned_data["sso_url"])

    def clean_certificates(self) -> list[str]:
        texts = self.cleaned_data["certificates"].split("-----BEGIN CERTIFICATE-----")
        try:
            found = [saml.certificate(text) for text in texts if text.strip()]
        except ValueError as error:
            raise forms.ValidationError(_("This is no certificate.")) from error
        if not found:
            raise forms.ValidationError(_("This is no certificate."))
        return found

    def config(self) -> dict[str, Any]:
        return {key: self.cleaned_data[key] for key in ("entity_id", "sso_url", "certificates")}

    @classmethod
    def filled(cls, provider: IdentityProvider) -> dict[str, Any]:
        frame = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----"
        return {
            **super().filled(provider),
            "certificates": "\n".join(map(frame.format, provider.config["certificates"])),
        }


FORMS: dict[str, type[ProviderForm]] = {Protocol.OIDC.value: OidcForm, Protocol.SAML.value: SamlForm}


def _usable(address: str) -> str:
    try:
        checked_url(address)
    except SignInRefused as refused:
        raise forms.ValidationError(_("Only addresses that begin with https:// can be used.")) from refused
    return address
