"""What the record holds, and when it goes: never, but for the keys of the words in it."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from jarvis_site.audit.models import AuditEvent, AuditKey
from jarvis_site.audit.selectors import with_words
from jarvis_site.audit.words import address_marks
from jarvis_site.kernel.data_rights import PAGE, Kind, Row, Sheet, Subject, Table, declare, deleted
from jarvis_site.kernel.tenancy import current_organization


def erase(subject: Subject) -> Iterator[int]:
    """Destroy the keys of what the person said, and of all words with their address in them, whoever acted."""
    yield from deleted(AuditKey.objects.filter(member_id=subject.member_id))
    marks = address_marks(subject.address, organization_id=current_organization())
    yield from deleted(AuditKey.objects.filter(addresses__overlap=marks))


def words_forget(*, run_ids: "QuerySet[Any, Any]") -> Iterator[int]:
    """Destroy the keys of the words beside what happened in runs, whoever acted: the site itself, for example."""
    return deleted(AuditKey.objects.filter(event__run_id__in=run_ids))


def _words(member_id: UUID | None) -> Iterator[Sheet]:
    rows = _with_key(member_id)
    about = _("names and reasons that belong to an audit row")
    yield Sheet(name="auditwords", about=about, size=rows.count(), rows=_opened(rows))


def _with_key(member_id: UUID | None) -> "QuerySet[AuditEvent, AuditEvent]":
    rows = AuditEvent.objects.filter(keys__isnull=False)
    return rows if member_id is None else rows.filter(member_id=member_id)


def _opened(rows: "QuerySet[AuditEvent, AuditEvent]") -> Iterator[Row]:
    page = list(rows.order_by("pk")[:PAGE])
    while page:
        yield from ({"event_id": row.id, "words": words} for row, words in with_words(page))
        page = list(rows.filter(pk__gt=page[-1].pk).order_by("pk")[:PAGE])


declare(
    Kind(
        name="audit",
        label=_("the audit record"),
        on_erasure=_(
            "Stays: it is the organization's proof of what was decided and done. It holds ids, actions and counts;"
            " names, addresses and reasons in it are encrypted, and the keys to them are destroyed."
        ),
        tables=(
            Table(
                "audit.AuditEvent",
                about=_("one thing that was decided or done"),
                person="member_id",
                hidden=("words_digest", "words_sealed"),
            ),
            Table("audit.AuditKey", about="", person="member_id", exported=False),
            Table("audit.AuditLink", about=_("a link of the chain that shows that no audit row was changed")),
            Table("audit.AuditUnsealed", about="", exported=False),
        ),
        more=_words,
        more_size=lambda member_id: _with_key(member_id).count(),
        erase=erase,
        stays=_("It is the organization's proof, and only whole it proves anything."),
    )
)
