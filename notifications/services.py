"""Telling people."""

from uuid import UUID

from django.db import transaction

from accounts.contracts import Actor
from jarvis_site.kernel import realtime
from jarvis_site.kernel.clock import db_now
from notifications.models import Notification


@transaction.atomic
def notify(*, member_id: UUID, key: str, icon: str, title: str, body: str = "", link: str = "") -> None:
    """Tell a member once about `key`; telling again changes nothing."""
    _, created = Notification.objects.get_or_create(
        member_id=member_id,
        key=key[:120],
        defaults={"icon": icon, "title": title[:200], "body": body[:500], "link": link[:300]},
    )
    if created:
        realtime.publish(f"inbox:{member_id}", {"type": "notifications.changed", "title": title[:200]})


@transaction.atomic
def settle(*, key: str) -> None:
    """What a notification asked for is settled: it no longer counts as unread, whoever it went to."""
    for item in Notification.objects.filter(key=key, read_at__isnull=True):
        Notification.objects.filter(id=item.id).update(read_at=db_now())
        realtime.publish(f"inbox:{item.member_id}", {"type": "notifications.changed", "title": ""})


@transaction.atomic
def read_all(*, actor: Actor) -> None:
    """The person has seen them."""
    Notification.objects.filter(member_id=actor.member_id, read_at__isnull=True).update(read_at=db_now())
    realtime.publish(f"inbox:{actor.member_id}", {"type": "notifications.changed", "title": ""})
