"""`manage.py audit verify | anchor | seal | export | evidence | rewrap`; docs/how-to/prove-the-audit-record.md."""

import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from jarvis_site.audit import anchors, evidence, exporting, rewrapping, sealing, verifying
from jarvis_site.kernel.errors import NotFound
from jarvis_site.kernel.tenancy import tenant
from jarvis_site.kernel.tenancy.router import PLATFORM_ALIAS

FAULTY = 1
# Often enough to see that it goes on.
_PROGRESS_SECONDS = 1.0

type Organization = tuple[UUID, str]


class Command(BaseCommand):
    help = "Check, anchor and export the audit record. Exit status: 0 all is well, 1 something is wrong."

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
        check = acts.add_parser("verify", help="look whether rows, links and anchors are what they were")
        _whose(check)
        check.add_argument("--from", dest="start", type=_number, default=1, metavar="N", help="begin at link N")
        acts.add_parser("anchor", help="write every chain's head to the folder of anchors, now")
        acts.add_parser("seal", help="put waiting rows into their chains, as a worker does twice a second")
        out = acts.add_parser("export", help="write the record as JSON Lines or CSV")
        _one(out)
        out.add_argument("--format", choices=list(exporting.Format), default=exporting.Format.JSONL)
        out.add_argument("--since", type=_moment, metavar="TIME", help="ISO 8601, included; UTC without an offset")
        out.add_argument("--until", type=_moment, metavar="TIME", help="not included")
        out.add_argument("--output", type=Path, metavar="FILE", help="instead of standard output")
        proof = acts.add_parser("evidence", help="write the evidence of a run, for verify_evidence.py")
        _one(proof)
        proof.add_argument("--run", type=UUID, required=True, metavar="ID")
        proof.add_argument("--output", type=Path, metavar="FILE", help="instead of standard output")
        wrap = acts.add_parser("rewrap", help="wrap the keys of words with the present SECRET_KEY")
        _whose(wrap)

    def handle(self, *_args: Any, **given: Any) -> None:
        getattr(self, f"_{given['act']}")(given)

    def _verify(self, given: dict[str, Any]) -> None:
        reports = [self._verify_one(one, given["start"]) for one in _chosen(given)]
        faulty = sum(report.fault is not None for report in reports)
        rows = sum(report.rows for report in reports)
        if faulty:
            self.stdout.write(self.style.ERROR(f"{faulty} of {len(reports)} organizations: the record was changed."))
            sys.exit(FAULTY)
        self.stdout.write(self.style.SUCCESS(f"{rows} rows of {len(reports)} organizations are as they were written."))

    def _verify_one(self, one: Organization, start: int) -> verifying.Report:
        organization_id, slug = one
        progress = _Progress(self.stderr, slug, total=verifying.count(organization_id=organization_id) - start + 1)
        report = verifying.verify(organization_id=organization_id, start=start, progress=progress.more)
        progress.end()
        told = f"{report.rows} rows, {report.erased} with erased words, {report.anchored} anchors"
        if report.fault is None:
            self.stdout.write(f"{slug}: {self.style.SUCCESS('whole')} ({told})")
            return report
        fault = report.fault
        place = f"number {fault.number}" if fault.number is not None else "outside of the chain"
        row = f", row {fault.event_id}" if fault.event_id else ""
        self.stdout.write(f"{slug}: {self.style.ERROR(fault.reason)}, {place}{row}: {fault.detail} ({told} before it)")
        return report

    def _anchor(self, _given: dict[str, Any]) -> None:
        count = anchors.anchor() - 1
        self.stdout.write(self.style.SUCCESS(f"The heads of {count} organizations are written down."))

    def _seal(self, _given: dict[str, Any]) -> None:
        self.stdout.write(f"{sealing.seal()} rows have got a link.")

    def _export(self, given: dict[str, Any]) -> None:
        [(organization_id, _slug)] = _chosen(given)
        form = exporting.Format(given["format"])
        extent = exporting.Extent(since=given["since"], until=given["until"])
        with tenant(organization_id):
            exporting.export_recorded(form=form, extent=extent)
        self._write(given, exporting.export(organization_id=organization_id, form=form, extent=extent))

    def _evidence(self, given: dict[str, Any]) -> None:
        [(organization_id, slug)] = _chosen(given)
        try:
            with tenant(organization_id):
                evidence.evidence_recorded(run_id=given["run"])
        except NotFound:
            raise CommandError(f"{slug} has no record of a run {given['run']}.") from None
        self._write(given, evidence.evidence(organization_id=organization_id, run_id=given["run"]))

    def _rewrap(self, given: dict[str, Any]) -> None:
        for organization_id, slug in _chosen(given):
            done, lost = rewrapping.rewrap(organization_id=organization_id)
            self.stdout.write(f"{slug}: {done} keys, {lost} that no known SECRET_KEY opens")

    def _write(self, given: dict[str, Any], pieces: Iterable[str]) -> None:
        if given["output"] is None:
            for piece in pieces:
                self.stdout.write(piece, ending="")
            return
        with _new_file(given["output"]) as file:
            file.writelines(pieces)


class _Progress:
    """One line that is written again, on a terminal only."""

    def __init__(self, out: Any, name: str, *, total: int) -> None:
        self._out, self._name, self._total = out, name, total
        self._done = 0
        self._said = time.monotonic()
        self._shown = False

    def more(self, rows: int) -> None:
        self._done += rows
        if self._out.isatty() and time.monotonic() - self._said >= _PROGRESS_SECONDS:
            self._said, self._shown = time.monotonic(), True
            self._out.write(f"\r{self._name}: {self._done} of {self._total} rows", ending="")

    def end(self) -> None:
        if self._shown:
            self._out.write("")


def _whose(parser: ArgumentParser) -> None:
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--organization", metavar="SLUG", help="only this one")
    chosen.add_argument("--all", action="store_true", help="all organizations, as without this option")


def _one(parser: ArgumentParser) -> None:
    parser.add_argument("--organization", required=True, metavar="SLUG")


def _chosen(given: dict[str, Any]) -> list[Organization]:
    slug = given.get("organization")
    found = list(_organizations(slug))
    if slug and not found:
        raise CommandError(f"There is no organization {slug}.")
    return found


def _organizations(slug: str | None) -> Iterator[Organization]:
    with connections[PLATFORM_ALIAS].cursor() as cursor:
        cursor.execute(
            "SELECT id, slug FROM accounts_organization WHERE %s::text IS NULL OR slug = %s ORDER BY slug", [slug, slug]
        )
        yield from cursor.fetchall()


def _new_file(path: Path) -> IO[str]:
    try:
        return path.open("x", encoding="utf-8", newline="")
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}.") from error


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not int(text):
        raise ValueError(text)
    return int(text)


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
