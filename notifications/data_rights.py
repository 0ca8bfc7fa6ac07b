"""What notifications hold, and when they go."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from jarvis_site.kernel.data_rights import Kind, Subject, Table, declare, deleted
from jarvis_site.kernel.ids import first_at
from notifications.models import Notification, Preference


def overdue(before: datetime) -> QuerySet[Notification]:
    return Notification.objects.filter(id__lt=first_at(before), created_at__lt=before)


def clean(before: datetime) -> Iterator[int]:
    return deleted(overdue(before), skip_locked=True)


def erase(subject: Subject) -> Iterator[int]:
    yield from deleted(Notification.objects.filter(member_id=subject.member_id))
    yield from deleted(Preference.objects.filter(member_id=subject.member_id))


declare(
    Kind(
        name="notifications",
        label=_("notifications"),
        on_erasure=_("Deleted."),
        tables=(
            Table("notifications.Notification", about=_("something a member was told"), person="member_id"),
            Table("notifications.Preference", about=_("how a member wants to be told"), person="member_id"),
        ),
        erase=erase,
        overdue=overdue,
        clean=clean,
    )
)
