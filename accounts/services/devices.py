"""The devices that an account was used from, so that a new one is told about."""

import ipaddress
import re
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.models import KnownDevice, User
from jarvis_site.kernel.clock import db_now

# Who comes back later is told once more; nothing is kept for ever.
REMEMBERED = timedelta(days=365)
# Of an IPv6 address only the network stays; the rest changes every day.
_NETWORK_BITS = 64


@transaction.atomic
def device_used(*, user: User, agent: str, address: str) -> bool:
    """Keep a device in mind that somebody signs in from.

    Args:
        agent: what the browser says about itself; an update of it makes no other device.

    Returns:
        Whether the account has been used before, but never from this device.
    """
    digests = [_digest(user, agent, address, key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
    known = KnownDevice.objects.filter(user=user)
    before = set(known.values_list("digest", flat=True))
    KnownDevice.objects.update_or_create(user=user, digest=digests[0], defaults={"last_used_at": timezone.now()})
    known.filter(last_used_at__lt=db_now(plus=-REMEMBERED)).delete()
    return bool(before) and before.isdisjoint(digests)


def _digest(user: User, agent: str, address: str, key: str | bytes) -> str:
    device = f"{user.pk}\n{re.sub(r'[\d.]+', '', agent)}\n{_network(address)}"
    return salted_hmac("accounts.devices", device, secret=key, algorithm="sha256").hexdigest()


def _network(address: str) -> str:
    """Raises `ValueError` for what is no address."""
    found = ipaddress.ip_address(address)
    if found.version == 4:  # noqa: PLR2004 - IPv4
        return str(found)
    return str(ipaddress.ip_network((found, _NETWORK_BITS), strict=False))
