"""What the calendar holds, and when it goes."""

from collections.abc import Iterator
from itertools import chain

from django.utils.translation import gettext_lazy as _

from agents.servers.calendar.models import Deed, Event, Feed, Reminder
from jarvis_site.kernel.data_rights import Kind, Subject, Table, declare, deleted


def erase(subject: Subject) -> Iterator[int]:
    return chain.from_iterable(
        deleted(model.objects.filter(owner_id=subject.member_id)) for model in (Event, Reminder, Deed, Feed)
    )


declare(
    Kind(
        name="calendar",
        label=_("the calendar"),
        on_erasure=_("Deleted, with reminders and the address of the feed. Events in calendars of others stay theirs."),
        tables=(
            Table("calendar.Event", about=_("an event or a series"), person="owner_id"),
            Table("calendar.Reminder", about=_("a reminder"), person="owner_id"),
            Table("calendar.Deed", about=_("a change that Jarvis made in the calendar"), person="owner_id"),
            Table("calendar.Feed", about=_("that there is a feed"), person="owner_id", hidden=("secret_hash",)),
        ),
        erase=erase,
        stays=_("Events are wanted again years later; their owner deletes them."),
    )
)
