"""What was asked and answered, and when it goes."""

from collections.abc import Iterator
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from jarvis_site.kernel.data_rights import Kind, Subject, Table, declare, deleted
from permissions.contracts import ConsentState
from permissions.models import Absence, Consent, ConsentReviewer, DecisionRecord, Grant
from permissions.services.keeping import decisions_clean, decisions_overdue


def consents_forget(*, run_ids: list[UUID]) -> None:
    """The runs are about to be deleted: what was asked in them goes first."""
    for rows in (Consent.objects.filter(run_id__in=run_ids), DecisionRecord.objects.filter(run_id__in=run_ids)):
        for _number in deleted(rows):
            pass


def stop(member_id: UUID) -> None:
    """Nobody waits for an answer that they would give."""
    mine = ConsentReviewer.objects.filter(member_id=member_id, state=ConsentState.PENDING)
    mine.update(state=ConsentState.WITHDRAWN)


def erase(subject: Subject) -> Iterator[int]:
    # What they said about what was done for others: their words go, that they said it stays in the audit record.
    Consent.objects.filter(decided_by_id=subject.member_id).exclude(reason="").update(reason="")
    yield from deleted(ConsentReviewer.objects.filter(member_id=subject.member_id))
    yield from deleted(Consent.objects.filter(member_id=subject.member_id))
    yield from deleted(Grant.objects.filter(member_id=subject.member_id))
    yield from deleted(Absence.objects.filter(Q(member_id=subject.member_id) | Q(delegate_id=subject.member_id)))


declare(
    Kind(
        name="approvals",
        label=_("approvals"),
        on_erasure=_("Deleted. That they were asked for and answered stays in the audit record."),
        tables=(
            Table("permissions.Consent", about=_("a question about one call, and its answer"), person="member_id"),
            Table("permissions.ConsentReviewer", about=_("who was asked, and what they said"), person="member_id"),
            Table("permissions.Grant", about=_("a standing permission"), person="member_id"),
            Table("permissions.Absence", about=_("a time out of the office"), person="member_id"),
        ),
        stop=stop,
        erase=erase,
        stays=_("They go with the run they belong to."),
    )
)


def decisions_erase(subject: Subject) -> Iterator[int]:
    yield from deleted(DecisionRecord.objects.filter(member_id=subject.member_id))


declare(
    Kind(
        name="decisions",
        label=_("decisions about calls, for trying out rules"),
        on_erasure=_("Deleted. Nobody keeps them for longer than 30 days."),
        tables=(Table("permissions.DecisionRecord", about=_("what was decided about a call"), person="member_id"),),
        erase=decisions_erase,
        overdue=decisions_overdue,
        clean=decisions_clean,
    )
)

declare(
    Kind(
        name="policy",
        label=_("the organization's rules"),
        on_erasure=_("Stay: they are the organization's, not a person's."),
        tables=(
            Table("permissions.PolicyHead", about="", exported=False),
            Table("permissions.PolicyRule", about=_("a rule about what may be done")),
            Table("permissions.DataLabel", about=_("the organization's name for a kind of data")),
            Table("permissions.Stop", about=_("something was stopped at once")),
        ),
        stays=_("They are the organization's, and hold nothing about a person."),
    )
)
