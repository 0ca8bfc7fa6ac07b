"""What was asked and answered, and when it goes."""

from collections.abc import Iterator
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from jarvis_site.kernel.data_rights import Kind, Subject, Table, declare, deleted
from permissions.models import Consent


def consents_forget(*, run_ids: list[UUID]) -> None:
    """The runs are about to be deleted: what was asked in them goes first."""
    for _number in deleted(Consent.objects.filter(run_id__in=run_ids)):
        pass


def erase(subject: Subject) -> Iterator[int]:
    return deleted(Consent.objects.filter(member_id=subject.member_id))


declare(
    Kind(
        name="approvals",
        label=_("approvals"),
        on_erasure=_("Deleted. That they were asked for and answered stays in the audit record."),
        tables=(
            Table("permissions.Consent", about=_("a question about one call, and its answer"), person="member_id"),
        ),
        erase=erase,
        stays=_("They go with the run they belong to."),
    )
)
