"""`manage.py audit`: what it says, and how it ends."""

import csv
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import override_settings
from jsonschema import Draft202012Validator

from jarvis_site.audit import anchors
from jarvis_site.audit.data_rights import erase
from jarvis_site.audit.models import AuditEvent
from jarvis_site.audit.sealing import seal
from jarvis_site.audit.selectors import with_words
from jarvis_site.kernel.data_rights import Subject
from jarvis_site.kernel.tenancy import grants, tenant
from tests.audit.counts import PROPERTY
from tests.audit.records import chain_of, look, owning, write, write_and_seal
from tests.cast import Cast, Person

pytestmark = pytest.mark.django_db(transaction=True)

SCHEMA = json.loads((Path(__file__).resolve().parents[2] / "docs" / "audit-event.schema.json").read_text())
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\uff1d1", "  =1"]


def run(*arguments: str, status: int = 0) -> str:
    out = StringIO()
    ended = 0
    try:
        call_command("audit", *arguments, stdout=out, stderr=StringIO(), no_color=True)
    except SystemExit as end:
        ended = int(end.code or 0)
    assert ended == status, out.getvalue()
    return out.getvalue()


def exported(cast: Cast, *arguments: str) -> str:
    return run("export", "--organization", cast.halden.slug, *arguments)


# Verify ---------------------------------------------------------------------------------------------------------------


def test_a_whole_record_is_called_whole(cast: Cast) -> None:
    write_and_seal(cast.maya, rows=3)
    told = run("verify")
    assert "halden-roe: whole" in told
    assert "of 2 organizations are as they were written" in told
    assert "borealis" not in run("verify", "--organization", cast.halden.slug)


def test_the_first_bad_row_is_named_and_the_command_fails(cast: Cast) -> None:
    write_and_seal(cast.maya, rows=9)
    link = chain_of(cast.maya)[5]
    with owning() as cursor:
        cursor.execute("UPDATE audit_auditevent SET action = 'x' WHERE id = %s", [link["event_id"]])
    told = run("verify", "--all", status=1)
    assert f"halden-roe: content changed, number 6, row {link['event_id']}" in told
    assert "borealis: whole" in told
    assert "1 of 2 organizations: the record was changed" in told
    run("verify", "--organization", cast.halden.slug, "--from", "7")


def test_an_organization_that_is_none_and_a_number_that_is_none_are_refused(cast: Cast) -> None:
    with pytest.raises(CommandError, match="no organization nobody"):
        run("verify", "--organization", "nobody")
    for number in ("0", "-1", "x"):
        with pytest.raises(CommandError):
            run("verify", "--from", number)


# Anchors --------------------------------------------------------------------------------------------------------------


def test_an_anchor_holds_every_head_and_each_line_the_digest_of_the_one_before(cast: Cast) -> None:
    write_and_seal(cast.maya)
    assert "heads of 2 organizations" in run("anchor")
    run("anchor")
    found = list(anchors.anchors(organization_id=str(cast.halden.id)))
    head = chain_of(cast.maya)[-1]
    assert [(one.number, one.hash) for one in found] == [(head["number"], head["hash"])] * 2
    assert look(cast.maya).anchored == 1


@pytest.mark.parametrize("line", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("act", ["changed", "removed", "doubled"])
def test_a_file_of_anchors_that_was_tampered_with_is_found(
    cast: Cast, anchors_folder: Path, line: int, act: str, record_property: Callable[..., None]
) -> None:
    seal()
    anchors.anchor()
    anchors.anchor()
    path = anchors_folder / anchors.NAME
    lines = path.read_text().splitlines(keepends=True)
    changed = {"changed": [lines[line].replace('"number":', '"number":1')], "removed": [], "doubled": [lines[line]] * 2}
    lines[line : line + 1] = changed[act]
    path.write_text("".join(lines))
    told = run("verify", status=1)
    record_property(PROPERTY, ("anchors", act, 1, int("anchors changed" in told)))
    assert "anchors changed" in told


def test_half_a_line_that_a_crash_left_is_taken_off(cast: Cast, anchors_folder: Path) -> None:
    seal()
    anchors.anchor()
    path = anchors_folder / anchors.NAME
    with path.open("a") as file:
        file.write('{"version":"jarvis.au')
    assert look(cast.maya).fault is None
    anchors.anchor()
    assert look(cast.maya).fault is None
    assert len(path.read_text().splitlines()) == 6


def test_the_daily_round_writes_once_a_day(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    seal()
    assert anchors.anchor_when_due() == 3
    assert anchors.anchor_when_due() == 0
    monkeypatch.setattr(anchors, "OLD_SECONDS", 0)
    assert anchors.anchor_when_due() == 3


# Export ---------------------------------------------------------------------------------------------------------------


def test_every_exported_row_follows_the_published_schema(cast: Cast) -> None:
    write(cast.maya, rows=3, run_id=uuid4())
    seal()
    write(cast.maya)
    validator = Draft202012Validator(SCHEMA)
    found = [json.loads(line) for line in exported(cast).splitlines()]
    for row in found:
        validator.validate(row)
    with tenant(cast.halden.id):
        assert [row["id"] for row in found] == [str(row.id) for row in AuditEvent.objects.order_by("id")]
    assert [row["link"] is None for row in found[-3:]] == [False, True, True]
    assert found[-2]["words"] == {"reason": "because 0"}
    assert found[-1]["action"] == "audit.exported"
    assert not [row for row in found if row["organization_id"] != str(cast.halden.id)]


def test_an_export_may_be_of_a_time(cast: Cast) -> None:
    write_and_seal(cast.maya)
    assert exported(cast, "--until", "2020-01-01") == ""
    assert exported(cast, "--since", "2999-01-01T00:00:00+02:00") == ""
    assert exported(cast, "--since", "2020-01-01", "--until", "2999-01-01")


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_of_a_table_is_a_formula(cast: Cast, text: str) -> None:
    from jarvis_site.audit.exporting import CSV_COLUMNS, _cell

    row = {**dict.fromkeys(CSV_COLUMNS, ""), "link": None, "resource_id": text}
    assert _cell(row, "resource_id") == f"'{text}"


def test_a_table_has_every_row_and_survives_what_is_in_it(cast: Cast) -> None:
    write(cast.maya, words='=cmd|"/C calc"!A0, "quoted"\nand a line\ud800')
    seal()
    table = list(csv.DictReader(StringIO(exported(cast, "--format", "csv"), newline="")))
    assert [row["number"] for row in table] == [*map(str, range(1, len(table))), ""]
    assert table[-2]["action"] == "test.done"
    assert "=cmd" in table[-2]["words"]
    assert table[-2]["words"].startswith("{")


def test_a_file_that_is_there_is_not_overwritten(cast: Cast, tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    exported(cast, "--output", str(path))
    kept = path.read_text()
    assert kept
    with pytest.raises(CommandError, match="cannot be written"):
        exported(cast, "--output", str(path))
    assert path.read_text() == kept


# A new SECRET_KEY -----------------------------------------------------------------------------------------------------


def words_of(person: Person) -> list[dict[str, str]]:
    with tenant(person.organization.id):
        return [words for _row, words in with_words(list(AuditEvent.objects.filter(action="test.done").order_by("id")))]


@contextmanager
def secret_keys(present: str, *earlier: str) -> Iterator[None]:
    with override_settings(SECRET_KEY=present, SECRET_KEY_FALLBACKS=list(earlier)):
        grants.apply(using="owner")  # as `migrate` does: the database knows the site by these keys
        yield


def test_words_outlive_a_secret_key_when_their_keys_are_wrapped_anew(cast: Cast) -> None:
    old, new = settings.SECRET_KEY, "n" * 50
    write_and_seal(cast.maya, words=f"about {cast.priya.email}")
    said = words_of(cast.maya)
    try:
        with secret_keys(new):
            assert words_of(cast.maya) == [{}]
            assert "words altered" in run("verify", "--organization", cast.halden.slug, status=1)
        with secret_keys(new, old):
            assert words_of(cast.maya) == said
            assert "halden-roe: 2 keys, 0 that" in run("rewrap", "--organization", cast.halden.slug)
        with secret_keys(new):
            assert words_of(cast.maya) == said
            assert "whole" in run("verify", "--organization", cast.halden.slug)
            priya = Subject(member_id=uuid4(), account_id=uuid4(), address=cast.priya.email)
            with tenant(cast.halden.id):
                assert sum(erase(priya)) == 1
            assert words_of(cast.maya) == [{}]
    finally:
        grants.apply(using="owner")
