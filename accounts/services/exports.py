"""Copies of a person's or the organization's data: asked for, made by a job, fetched, thrown away.

One file for each copy: its random name stands in the row before the file is begun, and whoever begins again after a
crash takes the old file away first. A worker that was thought dead finds another name in the row, and stops.
"""

import secrets
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import IO
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from accounts import access
from accounts.contracts import Actor, ExportKind, JobState
from accounts.events import ExportFinished
from accounts.jobs import EXPORT
from accounts.models import DataExport, Membership, Organization
from accounts.selectors import actor_of, member_get
from accounts.selectors.data import UNFINISHED, export_get, export_may, person_get
from accounts.services.archives import Contents, archive_write
from jarvis_site.audit import record
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.data_rights import kinds
from jarvis_site.kernel.errors import NotFound
from jarvis_site.kernel.events import publish
from jarvis_site.kernel.models import Job
from jarvis_site.kernel.tenancy import all_tenants, current_organization, tenant

# Long enough for a holiday, short enough that copies do not pile up where nobody thinks of them.
LIFETIME = timedelta(days=7)
# Each is an update of one row; people see whole percent.
PROGRESS_SECONDS = 0.5
# The last percent is the file's way to its name.
ALMOST = 99
BATCH = 100
_SECRET_BYTES = 32


class _Superseded(Exception):
    """Somebody else makes this copy now, or nobody wants it any more."""


# Asking -----------------------------------------------------------------------------------------------------------


@transaction.atomic
def export_request(*, actor: Actor, about_id: UUID | None) -> DataExport:
    """Have a copy made. One that is under way is returned as it is; a finished one of the same is replaced.

    Args:
        about_id: the member whose data; None for the whole organization's.

    Raises:
        MayNot: the data are not the actor's own. NotFound: no such person.
    """
    if not export_may(actor, about_id):
        access.require(actor, access.DATA_EXPORT)
    if about_id is not None:
        person_get(member_id=about_id)
    Membership.objects.select_for_update(of=("self",)).get(id=actor.member_id)  # two clicks make one copy
    mine = DataExport.objects.filter(requested_by_id=actor.member_id, about_id=about_id)
    running = mine.filter(state__in=UNFINISHED).first()
    if running is not None:
        return running
    for old in mine:
        _throw_away(old)
    kind = ExportKind.ORGANIZATION if about_id is None else ExportKind.PERSON
    export = DataExport.objects.create(kind=kind, about_id=about_id, requested_by_id=actor.member_id)
    record(action="export.requested", resource=export, details=_facts(export))
    EXPORT.enqueue(export_id=export.id)
    return export


@transaction.atomic
def export_open(*, actor: Actor, export_id: UUID) -> tuple[DataExport, IO[bytes]]:
    """Open a finished copy for its download; the caller closes it. Raises as `export_get`."""
    export = export_get(actor=actor, export_id=export_id)
    try:
        file = _path(export.file).open("rb")
    except FileNotFoundError:
        raise NotFound from None
    record(action="export.downloaded", resource=export, details=_facts(export))
    return export, file


# Making -----------------------------------------------------------------------------------------------------------


def export_make(*, export_id: UUID) -> None:
    """Make the copy. Begun again after a crash, it starts anew; there is never more than one file."""
    export = _begin(export_id)
    if export is None:
        return
    part = _path(f"{export.file}.part")
    try:
        contents = _contents(export)
        archive_write(part, contents, advance=_Progress(export, total=contents.size()).advance)
        part.rename(_path(export.file))
        _finish(export)
    except (_Superseded, FileNotFoundError):  # the file was taken away by whoever makes it now
        _path(export.file).unlink(missing_ok=True)
    finally:
        part.unlink(missing_ok=True)


@transaction.atomic
def _begin(export_id: UUID) -> DataExport | None:
    """Take the copy under a new name. None when there is nothing to make (any more)."""
    export = DataExport.objects.select_for_update(of=("self",)).filter(id=export_id, state__in=UNFINISHED).first()
    if export is None:
        return None
    _remove_file(export.file)
    if not _still_entitled(export):
        _fail(export)
        return None
    export.state, export.file = JobState.RUNNING, secrets.token_hex(_SECRET_BYTES)
    export.progress = 0
    export.save(update_fields=["state", "file", "progress"])
    return export


def _still_entitled(export: DataExport) -> bool:
    try:
        actor = actor_of(member_get(member_id=export.requested_by_id))
    except NotFound:
        return False
    return export_may(actor, export.about_id)


def _contents(export: DataExport) -> Contents:
    organization = Organization.objects.get(id=export.organization_id)
    title = _("Data of %(name)s") % {"name": organization.name}
    if export.about_id is not None:
        person = person_get(member_id=export.about_id).user
        title = _("Data about %(person)s in %(name)s") % {"person": person, "name": organization.name}
    return Contents(title=title, kinds=kinds(), member_id=export.about_id)


class _Progress:
    """Writes whole percent to the row, now and then; so it also notices when the row is somebody else's."""

    def __init__(self, export: DataExport, *, total: int) -> None:
        self._mine = DataExport.objects.filter(id=export.id, file=export.file, state=JobState.RUNNING)
        self._total = max(total, 1)
        self._done = 0
        self._written_at = time.monotonic()

    def advance(self, rows: int) -> None:
        self._done += rows
        if time.monotonic() - self._written_at < PROGRESS_SECONDS:
            return
        self._written_at = time.monotonic()
        if not self._mine.update(progress=min(ALMOST, ALMOST * self._done // self._total)):
            raise _Superseded


@transaction.atomic
def _finish(export: DataExport) -> None:
    mine = DataExport.objects.filter(id=export.id, file=export.file, state=JobState.RUNNING)
    size = _path(export.file).stat().st_size
    if not mine.update(
        state=JobState.DONE, progress=100, size=size, finished_at=db_now(), expires_at=db_now(plus=LIFETIME)
    ):
        raise _Superseded
    record(action="export.finished", resource=export, details={**_facts(export), "bytes": size})
    publish(ExportFinished(export_id=export.id, member_id=export.requested_by_id))


# Clearing away ----------------------------------------------------------------------------------------------------


def exports_expire() -> int:
    """Throw away copies whose time is over, in all organizations, and files that no row knows. Returns how many."""
    with all_tenants():
        due = list(DataExport.objects.filter(expires_at__lte=db_now()).values_list("id", "organization_id")[:BATCH])
    for export_id, organization_id in due:
        with tenant(organization_id), transaction.atomic():
            for export in DataExport.objects.select_for_update(of=("self",)).filter(id=export_id):
                record(action="export.expired", resource=export, details=_facts(export))
                _throw_away(export)
    _sweep()
    return len(due)


def exports_recover() -> int:
    """Say of copies that no job makes any more that they failed. Returns how many."""
    with all_tenants():
        open_ones = list(DataExport.objects.filter(state__in=UNFINISHED).values_list("id", "organization_id"))
    return sum(_recover(export_id, organization_id) for export_id, organization_id in open_ones)


@transaction.atomic
def _recover(export_id: UUID, organization_id: UUID) -> bool:
    with tenant(organization_id):
        export = DataExport.objects.select_for_update(of=("self",)).filter(id=export_id, state__in=UNFINISHED).first()
        jobs = Job.objects.filter(name=EXPORT.name, arguments__export_id=str(export_id), dead_at=None)
        if export is None or jobs.exists():
            return False
        _fail(export)
        return True


def exports_forget(*, member_id: UUID) -> int:
    """Throw away every copy about a person or asked for by them. Returns how many."""
    about = DataExport.objects.filter(about_id=member_id) | DataExport.objects.filter(requested_by_id=member_id)
    with transaction.atomic():
        found = list(about.select_for_update(of=("self",)))
        for export in found:
            _throw_away(export)
    return len(found)


def _fail(export: DataExport) -> None:
    _remove_file(export.file)
    # It is shown for as long as a finished one would be.
    DataExport.objects.filter(id=export.id).update(
        state=JobState.FAILED, file="", finished_at=db_now(), expires_at=F("created_at") + LIFETIME
    )
    record(action="export.failed", resource=export, details=_facts(export))


def _throw_away(export: DataExport) -> None:
    """The row now, the file after the commit; a crash in between leaves the file to `_sweep`."""
    folder, name = _folder(), export.file
    export.delete()
    transaction.on_commit(lambda: _remove_file(name, folder=folder))


def _remove_file(name: str, *, folder: Path | None = None) -> None:
    if name:
        for ending in ("", ".part"):
            ((folder or _folder()) / f"{name}{ending}").unlink(missing_ok=True)


def _sweep() -> None:
    """Remove files that are older than any copy may get: a crash left them without a row."""
    oldest = time.time() - (LIFETIME + timedelta(days=1)).total_seconds()
    for path in Path(settings.EXPORTS_DIR).glob("*/*"):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < oldest:
                path.unlink()


def _folder() -> Path:
    return Path(settings.EXPORTS_DIR) / str(current_organization())


def _path(name: str) -> Path:
    return _folder() / name


def _facts(export: DataExport) -> dict[str, str]:
    return {"kind": export.kind, "about": str(export.about_id or "")}
