"""What people are told by mail about their account when no page of theirs is there to say it."""

from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import ApiKey, Membership, Organization
from accounts.services.site_mail import mail_store


def security_url() -> str:
    """The page where somebody looks after their own sign-in, as a whole address."""
    return site_address(reverse("account_security"))


def site_address(path: str) -> str:
    return settings.SITE_URL.rstrip("/") + path


def key_notice(*, key_id: UUID) -> None:
    """Tell a person that there is a new API key that acts as they. A service account reads no mail."""
    key = ApiKey.objects.filter(id=key_id).first()
    member = Membership.live(key.member_id) if key else None
    if key is None or member is None or member.user.is_service:
        return
    context = {
        "organization": member.organization.name,
        "name": key.name,
        "prefix": key.prefix,
        "timestamp": key.created_at,
        "security_url": security_url(),
        "keys_url": site_address(reverse("accounts:keys", args=[member.organization.slug])),
    }
    with timezone.override(ZoneInfo(member.user.timezone)):
        body = render_to_string("account/email/key_made_message.txt", context).strip()
    mail_store(recipient=member.user.email, subject=_("There is a new API key for your Jarvis account"), body=body)


def let_in_notice(*, organization: Organization, email: str) -> None:
    """Tell somebody who asked to join that they are in."""
    address = site_address(reverse("organization_start", args=[organization.slug]))
    name = " ".join(organization.name.split())
    context = {"organization": name, "address": address}
    mail_store(
        recipient=email,
        subject=_("%(organization)s has let you in") % {"organization": name},
        body=render_to_string("accounts/mail/let_in.txt", context).strip(),
    )
