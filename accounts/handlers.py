"""What follows from news about people's addresses."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.account.signals import email_confirmed
from django.dispatch import receiver

from accounts.services.domains import joined_by_domain


@receiver(email_confirmed)
def join_by_domain(email_address: EmailAddress, **_signal: Any) -> None:
    joined_by_domain(user=email_address.user, email=email_address.email)
