"""Who may take data out, and when they go: each app says so for its tables in its `data_rights.py`.

The services that export, erase and clean up stand in `accounts`, below most apps; they find here what there is to do.
Every tenant table belongs to exactly one kind, which `tests/architecture` watches.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import transaction
from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from jarvis_site.kernel.tenancy.models import TenantModel
from jarvis_site.kernel.tenancy.statements import fetch

type Label = str | Promise
type Row = dict[str, Any]

# Some thousand rows a second, while no lock is held for longer than people notice.
BATCH = 200
# Rows read at once for an export: memory stays constant, and a page is one round trip.
PAGE = 500


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows of an export: one file of JSON Lines.

    Attributes:
        name: of the file, without folder and ending.
        about: what a row is, for whoever opens the file.
        size: about how many rows there are.
    """

    name: str
    about: Label
    size: int
    rows: Iterable[Row]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of an export. `path`: below the kind's folder, with `/`; `pieces` may be taken once."""

    path: str
    pieces: Iterable[bytes]


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is being erased in an organization.

    Attributes:
        account_id: of the person, who may belong to other organizations too.
        address: their e-mail address, by which other people's rows may name them.
    """

    member_id: UUID
    account_id: UUID
    address: str


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        label: of the model.
        about: what a row is, for whoever opens the file.
        person: the lookup that leads from a row to the membership it is about; "": no person's, so that only an
            export of the organization holds it.
        hidden: columns that are never exported: secrets, and what only the machine needs.
        exported: False for a table without anything to take out.
    """

    label: str
    about: Label
    person: str = ""
    hidden: tuple[str, ...] = ()
    exported: bool = True

    @cached_property
    def model(self) -> type[TenantModel]:
        found = apps.get_model(self.label)
        assert issubclass(found, TenantModel)  # noqa: S101 - the architecture tests see to it
        return found

    def rows(self, member_id: UUID | None) -> "QuerySet[TenantModel]":
        """What is about the member; everything for None."""
        return self.model.objects.filter(**({} if member_id is None else {self.person: member_id}))

    def sheet(self, member_id: UUID | None) -> Sheet | None:
        """The table as a file; None when it has nothing to do with the member."""
        if not self.exported or (member_id is not None and not self.person):
            return None
        rows = self.rows(member_id)
        return Sheet(name=self.model._meta.model_name or "", about=self.about, size=rows.count(), rows=self._all(rows))

    def _all(self, rows: "QuerySet[TenantModel]") -> Iterator[Row]:
        """By pages along the key: no transaction stays open, however long the writing takes."""
        columns = [field.attname for field in self.model._meta.concrete_fields if field.attname not in self.hidden]
        wanted = [name for name in columns if name != "organization_id"]
        page = list(rows.order_by("pk").values(*wanted)[:PAGE])
        while page:
            yield from page
            page = list(rows.filter(pk__gt=page[-1]["id"]).order_by("pk").values(*wanted)[:PAGE])


@dataclass(frozen=True)
class Kind:
    """One kind of data, as people think of them.

    Attributes:
        name: also the folder in an export.
        label: for people: "conversations".
        on_erasure: what becomes of it when a person is erased, and why.
        tables: all that belong to it.
        more: what an export holds beside the tables; the member, or None for all.
        more_size: of that, about, in rows; a kilobyte of a file counts as one.
        stop: end what is under way for a member who is being erased, so that nothing new comes while it goes.
        erase: delete what is a person's, in batches, and yield how many rows each had. It may be broken off and
            called again at any time.
        overdue: the rows that a period ending at that moment would delete, for counting.
        clean: delete them, in batches.
        stays: why no period can be set; with a period empty.
    """

    name: str
    label: Label
    on_erasure: Label
    tables: tuple[Table, ...] = ()
    more: Callable[[UUID | None], Iterator[Sheet | Attachment]] | None = None
    more_size: Callable[[UUID | None], int] | None = None
    stop: Callable[[UUID], None] | None = None
    erase: Callable[[Subject], Iterator[int]] | None = None
    overdue: Callable[[datetime], "QuerySet[Any]"] | None = None
    clean: Callable[[datetime], Iterator[int]] | None = None
    stays: Label = ""


_kinds: dict[str, Kind] = {}


def declare(kind: Kind) -> Kind:
    """Register a kind, from an app's `data_rights.py`."""
    if kind.name in _kinds:
        raise RuntimeError(f"the kind of data {kind.name} is declared twice")
    _kinds[kind.name] = kind
    return kind


def kinds() -> list[Kind]:
    """In the order of the apps: the lower ones first."""
    return list(_kinds.values())


def kinds_with_period() -> dict[str, Kind]:
    """The higher apps first: they are nearer to people."""
    return {kind.name: kind for kind in reversed(_kinds.values()) if kind.clean is not None}


def deleted(rows: "QuerySet[Any]", *, skip_locked: bool = False) -> Iterator[int]:
    """Delete rows in batches, each in a transaction of its own; what hangs on them goes by the database's own cascades.

    Args:
        skip_locked: leave rows that somebody works with for the next time, instead of waiting for them.
    """
    table = rows.model._meta.db_table
    while True:
        with transaction.atomic():
            locked = rows.order_by("pk").select_for_update(of=("self",), skip_locked=skip_locked)
            ids = list(locked.values_list("pk", flat=True)[:BATCH])
            fetch(f'DELETE FROM "{table}" WHERE organization_id = %(organization)s AND id = ANY(%(ids)s)', ids=ids)  # noqa: S608 - the name of a model's table
        if not ids:
            return
        yield len(ids)


declare(
    Kind(
        name="work",
        label=_("work that is still to be done"),
        on_erasure=_("Goes as it is done, within moments. It holds ids and no contents."),
        tables=(Table("kernel.Job", about="", exported=False),),
        stays=_("It goes when it is done."),
    )
)


def _requests_erase(subject: Subject) -> Iterator[int]:
    from jarvis_site.kernel.models import IdempotentRequest  # models load after this registry

    return deleted(IdempotentRequest.objects.filter(member_id=subject.member_id))


declare(
    Kind(
        name="requests",
        label=_("answers to repeated requests of programs"),
        on_erasure=_("Deleted. Otherwise they go after a day."),
        tables=(Table("kernel.IdempotentRequest", about="", exported=False),),
        erase=_requests_erase,
        stays=_("They go after a day."),
    )
)
