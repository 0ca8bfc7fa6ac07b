"""What the diary holds, and when it goes."""

from collections.abc import Iterator

from django.utils.translation import gettext_lazy as _

from activities.models import Activity
from jarvis_site.kernel.data_rights import Kind, Subject, Table, declare, deleted


def erase(subject: Subject) -> Iterator[int]:
    return deleted(Activity.objects.filter(member_id=subject.member_id))


declare(
    Kind(
        name="activity",
        label=_("activity"),
        on_erasure=_("Deleted."),
        tables=(Table("activities.Activity", about=_("an act that was done for a member"), person="member_id"),),
        erase=erase,
        stays=_("It is the short summary that remains of a run when the run itself is deleted."),
    )
)
