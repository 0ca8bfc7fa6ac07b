"""What follows from news about people's addresses, devices and keys."""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from allauth.account.signals import email_added, email_confirmed, user_logged_in
from django.db import transaction
from django.dispatch import receiver

from accounts.events import KeyIssued
from accounts.models import User
from accounts.services.devices import device_used
from accounts.services.domains import joined_by_domain
from accounts.services.notices import key_notice
from jarvis_site.kernel.events import on


@receiver(email_confirmed)
def join_by_domain(email_address: EmailAddress, **_signal: Any) -> None:
    joined_by_domain(user=email_address.user, email=email_address.email)


@receiver(email_added)
def tell_of_address(request: Any, user: User, email_address: EmailAddress, **_signal: Any) -> None:
    """At the address that the account has had: who added the new one reads the other."""
    context = {"added_email": email_address.email}
    get_adapter(request).send_notification_mail("account/email/email_added", user, context)


@receiver(user_logged_in)
@transaction.atomic
def tell_of_device(request: Any, user: User, **_signal: Any) -> None:
    adapter = get_adapter(request)
    agent, address = adapter.get_http_user_agent(request), adapter.get_client_ip(request)
    if device_used(user=user, agent=agent, address=address):
        adapter.send_notification_mail("account/email/new_device", user)


@on(KeyIssued)
def tell_of_key(event: KeyIssued) -> None:
    key_notice(key_id=event.key_id)
