"""What the record holds, and when it goes: never, but for the words beside it."""

import re
from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast
from django.utils.translation import gettext_lazy as _

from jarvis_site.audit.models import AuditWords
from jarvis_site.kernel.data_rights import Kind, Subject, Table, declare, deleted


def erase(subject: Subject) -> Iterator[int]:
    """Erase the words beside what the person did, and those in which their address occurs, whoever acted."""
    yield from deleted(AuditWords.objects.filter(member_id=subject.member_id))
    whole = rf"(?<![\w.+-]){re.escape(subject.address)}(?![\w-]|\.\w)"
    yield from deleted(AuditWords.objects.annotate(text=Cast("words", TextField())).filter(text__iregex=whole))


def words_forget(*, run_ids: "QuerySet[Any, Any]") -> Iterator[int]:
    """Erase the words beside what happened in runs, whoever acted: the site itself, for example."""
    return deleted(AuditWords.objects.filter(event__run_id__in=run_ids))


declare(
    Kind(
        name="audit",
        label=_("the audit record"),
        on_erasure=_(
            "Stays: it is the organization's proof of what was decided and done. It holds ids, actions and counts;"
            " names, addresses and reasons beside it are deleted."
        ),
        tables=(
            Table("audit.AuditEvent", about=_("one thing that was decided or done"), person="member_id"),
            Table("audit.AuditWords", about=_("names and reasons that belong to an audit row"), person="member_id"),
        ),
        erase=erase,
        stays=_("It is the organization's proof, and only whole it proves anything."),
    )
)
