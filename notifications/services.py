"""Telling people."""

from collections.abc import Mapping
from uuid import UUID

from django.db import transaction
from django.template.loader import render_to_string

from accounts.contracts import Actor
from accounts.models import Membership
from accounts.services.notices import site_address
from accounts.services.site_mail import mail_store
from jarvis_site.kernel import realtime
from jarvis_site.kernel.clock import db_now
from notifications.contracts import How, Matter
from notifications.models import Notification, Preference
from notifications.selectors import how_told


@transaction.atomic
def notify(*, member_id: UUID, matter: Matter, key: str, icon: str, title: str, body: str = "", link: str = "") -> None:
    """Tell a member once about `key`, as they want to be told; telling again changes nothing."""
    how = how_told(member_id=member_id, matter=matter)
    if how is How.NOT:
        return
    item, created = Notification.objects.get_or_create(
        member_id=member_id,
        key=key[:120],
        defaults={"icon": icon, "title": title[:200], "body": body[:500], "link": link[:300]},
    )
    if not created:
        return
    realtime.publish(f"inbox:{member_id}", {"type": "notifications.changed", "title": title[:200]})
    if how is How.MAIL:
        _mail(item)


def _mail(item: Notification) -> None:
    """Have it sent to whoever is a member still; the queue waits for the mail server, nobody else does."""
    member = Membership.live(item.member_id)
    if member is None:
        return
    start = site_address(f"/o/{member.organization.slug}/")
    context = {
        "item": item,
        "organization": member.organization.name,
        "address": f"{start}{item.link}",
        "settings": f"{start}notifications/settings/",
    }
    body = render_to_string("notifications/mail.txt", context)
    subject = " ".join(f"{item.title} ({member.organization.name})".split())
    mail_store(recipient=member.user.email, subject=subject, body=body)


@transaction.atomic
def preferences_set(*, actor: Actor, ways: Mapping[Matter, How]) -> None:
    """Choose how to be told about these matters."""
    for matter, how in ways.items():
        Preference.objects.update_or_create(member_id=actor.member_id, matter=matter, defaults={"how": how})


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
