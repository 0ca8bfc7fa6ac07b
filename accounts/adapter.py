"""What allauth asks us."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import secrets
from accounts.models import User
from accounts.selectors.sessions import device_name
from accounts.selectors.sign_in import factor_count, has_second_factor
from accounts.services.notices import security_url
from accounts.services.service_accounts import SERVICE_DOMAIN
from accounts.services.site_mail import mail_store


class AccountAdapter(DefaultAccountAdapter):
    """Sign-in by email address; everybody lands at their own organization."""

    def get_login_redirect_url(self, request: HttpRequest) -> str:  # noqa: ARG002 - allauth's signature
        return reverse("home")

    def save_user(self, request: HttpRequest, user: Any, form: Any, commit: bool = True) -> Any:
        user.name = form.cleaned_data.get("name", "")
        return super().save_user(request, user, form, commit)

    def clean_email(self, email: str) -> str:
        """For sign-up, new addresses and the password reset: no address of a service account."""
        if email.lower().endswith(f"@{SERVICE_DOMAIN}"):
            raise ValidationError(_("This is not an address of a person."), code="service_account")
        return str(super().clean_email(email))

    def pre_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> Any:
        """Whatever the way to sign in is, a service account does not get past here."""
        if user.is_service:
            return self.respond_user_inactive(request, user)
        return super().pre_login(request, user, **kwargs)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Nobody waits for the mail server: a worker sends it after the commit."""
        words = {**context, "email": email, "security_url": security_url()}
        if "user_agent" in context:
            words["device"] = device_name(context["user_agent"])
        message = self.render_mail(template_prefix, email, words)
        mail_store(recipient=email, subject=str(message.subject), body=str(message.body))

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """Who has a second factor shows that one: a password that somebody looked over a shoulder for is no proof."""
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        if isinstance(user, User) and has_second_factor(user=user):
            methods = [method for method in methods if method["id"] != "reauthenticate"]
        # A passkey is the shortest way.
        methods.sort(key=lambda method: method["id"] != "mfa_reauthenticate:webauthn")
        return [{**method, "description": _METHODS[method["id"]]()} for method in methods]


_METHODS = {
    "reauthenticate": lambda: _("Use your password"),
    "mfa_reauthenticate": lambda: _("Use a code"),
    "mfa_reauthenticate:webauthn": lambda: _("Use a passkey"),
}


class MfaAdapter(DefaultMFAAdapter):
    """Second factors. Seeds of authenticator apps and recovery codes are encrypted in the database."""

    def encrypt(self, text: str) -> str:
        return secrets.encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        return secrets.decrypt(encrypted_text)

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return {**super().get_public_key_credential_rp_entity(), "name": "Jarvis"}

    def generate_authenticator_name(self, user: Any, type: Any) -> str:  # noqa: A002 - allauth's signature
        number = factor_count(user=user, kind=type)
        return _("Passkey %(number)d") % {"number": number + 1} if number else _("Passkey")
