"""Whoever owns the tables can change everything in them; `audit verify` says where, and what."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction

from jarvis_site.audit import anchors
from jarvis_site.audit.chain import COLUMNS, Link, link_hash
from jarvis_site.audit.models import AuditEvent
from jarvis_site.audit.verifying import Reason, Report
from tests.audit.counts import PROPERTY
from tests.audit.records import asked, chain_of, look, owning, write, write_and_seal
from tests.cast import Cast, Person

pytestmark = pytest.mark.django_db(transaction=True)

# Rows before and behind the one that is tampered with.
PLACE = 6
ROWS = 12

type Tamper = Callable[[Any, Person, Any], None]
type Record = Callable[[str, Any], None]


@pytest.fixture
def sealed(cast: Cast) -> Person:
    """Maya, whose organization's record is whole and anchored, and so is the other one's."""
    write_and_seal(cast.maya, rows=ROWS, run_id=uuid4())
    write_and_seal(cast.ines, rows=ROWS)
    anchors.anchor()
    assert look(cast.maya).fault is None
    return cast.maya


@pytest.fixture
def counted(record_property: Record) -> Callable[[str, Report], None]:
    def count(what: str, report: Report) -> None:
        record_property(PROPERTY, ("the record", what, 1, int(report.fault is not None)))

    return count


def change(column: str, value: str) -> Tamper:
    def tamper(cursor: Any, _person: Person, link: Any) -> None:
        cursor.execute(f"UPDATE audit_auditevent SET {column} = {value} WHERE id = %s", [link["event_id"]])  # noqa: S608

    return tamper


# A new value for every column, whatever was in it.
CHANGES = {
    "organization_id": "(SELECT id FROM accounts_organization WHERE slug = 'borealis')",
    "at": "at + interval '1 microsecond'",
    "member_id": "gen_random_uuid()",
    "action": "action || '.'",
    "resource_type": "'other'",
    "resource_id": "resource_id || '0'",
    "run_id": "NULL",
    "decision": "'approved'",
    "details": """details || '{"number": 99}'""",
    "request_id": "'other'",
    "words_digest": "encode(sha256('x'), 'hex')",
    "words_sealed": "reverse(words_sealed)",
}


def test_no_column_of_a_row_is_left_out(sealed: Person) -> None:
    columns = {field.column for field in AuditEvent._meta.concrete_fields}
    assert set(COLUMNS) == columns
    assert set(CHANGES) == columns - {"id"}


@pytest.mark.parametrize("column", CHANGES)
def test_a_changed_column_is_found(sealed: Person, column: str, counted: Any) -> None:
    link = chain_of(sealed)[PLACE - 1]
    with owning() as cursor:
        cursor.execute(
            "DELETE FROM audit_auditkey WHERE event_id = %s", [link["event_id"]]
        )  # its key goes with its row
        change(column, CHANGES[column])(cursor, sealed, link)
    report = look(sealed)
    counted("rows edited", report)
    assert report.fault
    assert (report.fault.reason, report.fault.number) == (Reason.ROW_CHANGED, PLACE)
    assert report.fault.event_id == str(link["event_id"])


def removed(cursor: Any, _person: Person, link: Any) -> None:
    cursor.execute("DELETE FROM audit_auditkey WHERE event_id = %s", [link["event_id"]])
    cursor.execute("DELETE FROM audit_auditevent WHERE id = %s", [link["event_id"]])


def renamed(cursor: Any, _person: Person, link: Any) -> None:
    cursor.execute("DELETE FROM audit_auditkey WHERE event_id = %s", [link["event_id"]])
    cursor.execute("UPDATE audit_auditevent SET id = gen_random_uuid() WHERE id = %s", [link["event_id"]])


def link_removed(cursor: Any, _person: Person, link: Any) -> None:
    cursor.execute("DELETE FROM audit_auditlink WHERE id = %s", [link["id"]])


def closed_up(cursor: Any, person: Person, link: Any) -> None:
    """A row and its link taken out, and the numbers behind made to fit."""
    removed(cursor, person, link)
    link_removed(cursor, person, link)
    behind = "organization_id = %s AND number > %s"
    for step in ("number + 1000000", "number - 1000001"):
        cursor.execute(
            f"UPDATE audit_auditlink SET number = {step} WHERE {behind}",  # noqa: S608
            [person.organization.id, link["number"]],
        )


def swapped(cursor: Any, person: Person, link: Any) -> None:
    """Two links in each other's places."""
    number = link["number"]
    for before, after in ((number, -1), (number + 1, number), (-1, number + 1)):
        cursor.execute(
            "UPDATE audit_auditlink SET number = %s WHERE organization_id = %s AND number = %s",
            [after, person.organization.id, before],
        )


def rows_swapped(cursor: Any, person: Person, link: Any) -> None:
    """Two links that say that they are of each other's rows."""
    [other] = asked(
        cursor,
        "SELECT * FROM audit_auditlink WHERE organization_id = %s AND number = %s",
        person.organization.id,
        link["number"] + 1,
    )
    cursor.execute("UPDATE audit_auditlink SET event_id = gen_random_uuid() WHERE id = %s", [other["id"]])
    for one, event_id in ((link, other["event_id"]), (other, link["event_id"])):
        cursor.execute("UPDATE audit_auditlink SET event_id = %s WHERE id = %s", [event_id, one["id"]])


def link_column(column: str) -> Tamper:
    def tamper(cursor: Any, _person: Person, link: Any) -> None:
        new = "encode(sha256('x'), 'hex')"
        cursor.execute(f"UPDATE audit_auditlink SET {column} = {new} WHERE id = %s", [link["id"]])  # noqa: S608

    return tamper


def spliced(cursor: Any, person: Person, link: Any) -> None:
    """A row of another organization and its link in the place of one's own."""
    [other] = asked(
        cursor,
        "SELECT link.* FROM audit_auditlink AS link JOIN accounts_organization AS own ON own.id = organization_id"
        " WHERE slug = 'borealis' AND number = %s",
        link["number"],
    )
    removed(cursor, person, link)
    link_removed(cursor, person, link)
    cursor.execute(
        "UPDATE audit_auditlink SET organization_id = %s WHERE id = %s", [person.organization.id, other["id"]]
    )
    cursor.execute("DELETE FROM audit_auditkey WHERE event_id = %s", [other["event_id"]])
    cursor.execute(
        "UPDATE audit_auditevent SET organization_id = %s WHERE id = %s", [person.organization.id, other["event_id"]]
    )


ACTS: dict[str, tuple[Tamper, Reason, int]] = {
    "rows removed": (removed, Reason.ROW_MISSING, PLACE),
    "rows renamed": (renamed, Reason.ROW_MISSING, PLACE),
    "links removed": (link_removed, Reason.LINK_MISSING, PLACE),
    "rows removed and numbers closed up": (closed_up, Reason.ORDER, PLACE),
    "links reordered": (swapped, Reason.ORDER, PLACE),
    "rows reordered": (rows_swapped, Reason.LINK_CHANGED, PLACE),
    "links altered": (link_column("content"), Reason.LINK_CHANGED, PLACE),
    "hashes altered": (link_column("hash"), Reason.LINK_CHANGED, PLACE),
    "runs altered": (link_column("run_tag"), Reason.LINK_CHANGED, PLACE),
    "links before altered": (link_column("previous"), Reason.LINK_CHANGED, PLACE),
    "another organization's rows spliced in": (spliced, Reason.LINK_CHANGED, PLACE),
}


@pytest.mark.parametrize("what", ACTS)
def test_what_was_done_to_a_row_or_a_link_is_found_and_named(sealed: Person, what: str, counted: Any) -> None:
    act, reason, number = ACTS[what]
    link = chain_of(sealed)[PLACE - 1]
    with owning() as cursor:
        act(cursor, sealed, link)
    report = look(sealed)
    counted(what, report)
    assert report.fault
    assert (report.fault.reason, report.fault.number) == (reason, number)
    assert report.rows == PLACE - 1


@pytest.mark.parametrize("at", ["now()", "now() - interval '1 day'", "now() + interval '1 year'"])
def test_a_row_put_in_past_the_queue_is_found(sealed: Person, at: str, counted: Any) -> None:
    new = f"jsonb_build_object('id', gen_random_uuid(), 'at', {at})"
    row = f"SELECT (jsonb_populate_record(old, {new})).* FROM audit_auditevent AS old WHERE id = %s"  # noqa: S608
    link = chain_of(sealed)[PLACE - 1]
    with owning() as cursor:
        cursor.execute(f"INSERT INTO audit_auditevent {row}", [link["event_id"]])
    report = look(sealed)
    counted("rows inserted", report)
    assert report.fault
    assert report.fault.reason == Reason.UNSEALED


def test_a_row_that_waits_for_too_long_is_found(sealed: Person, counted: Any) -> None:
    write(sealed)
    assert look(sealed).fault is None, "the sealer may be a moment behind"
    with owning() as cursor:
        cursor.execute(
            "UPDATE audit_auditevent SET at = at - interval '2 minutes'"
            " WHERE id IN (SELECT id FROM audit_auditunsealed)"
        )
    report = look(sealed)
    counted("rows left without a link", report)
    assert report.fault
    assert report.fault.reason == Reason.UNSEALED


def test_a_record_cut_off_at_the_end_is_found_by_its_anchor(sealed: Person, counted: Any) -> None:
    last = chain_of(sealed)[-3:]
    with owning() as cursor:
        for link in last:
            removed(cursor, sealed, link)
            link_removed(cursor, sealed, link)
    report = look(sealed)
    counted("cut off at the end", report)
    assert report.fault
    assert (report.fault.reason, report.fault.number) == (Reason.CUT_OFF, len(chain_of(sealed)) + 1)


def test_a_chain_that_was_made_anew_is_found_by_its_anchor(sealed: Person, counted: Any) -> None:
    """Everything fits together again: only what was written elsewhere tells."""
    links = chain_of(sealed)
    with owning() as cursor:
        removed(cursor, sealed, links[PLACE - 1])
        link_removed(cursor, sealed, links[PLACE - 1])
        previous = links[PLACE - 2]["hash"]
        for link in links[PLACE:]:
            forged = Link(
                organization_id=str(link["organization_id"]),
                number=link["number"] - 1,
                event_id=str(link["event_id"]),
                run_tag=link["run_tag"],
                content=link["content"],
                previous=previous,
                hash="",
            )
            previous = link_hash(forged)
            cursor.execute(
                "UPDATE audit_auditlink SET number = %s, previous = %s, hash = %s WHERE id = %s",
                [forged.number, forged.previous, previous, link["id"]],
            )
    report = look(sealed)
    counted("made anew", report)
    assert report.fault
    assert report.fault.reason == Reason.CUT_OFF
    write_and_seal(sealed)
    again = look(sealed)
    counted("made anew and gone on", again)
    assert again.fault
    assert again.fault.reason == Reason.ANCHOR


@pytest.mark.parametrize("column", ["key", "words"])
def test_altered_words_are_found(sealed: Person, column: str, counted: Any) -> None:
    """As somebody would who knows SECRET_KEY and makes everything fit but the commitment."""
    from jarvis_site.audit import words

    link = chain_of(sealed)[-2]
    place = words.Place(sealed.organization.id, link["event_id"])
    other = words.seal({"reason": "something else"}, place=place)
    with owning() as cursor:
        cursor.execute("UPDATE audit_auditkey SET key = %s WHERE event_id = %s", [other.key, link["event_id"]])
        if column == "words":
            cursor.execute(
                "UPDATE audit_auditevent SET words_sealed = %s WHERE id = %s", [other.text, link["event_id"]]
            )
    report = look(sealed)
    counted("words altered", report)
    assert report.fault
    assert report.fault.reason == (Reason.ROW_CHANGED if column == "words" else Reason.WORDS)
    assert report.fault.number == link["number"]


def test_what_is_before_the_first_link_asked_for_is_taken_for_right(sealed: Person) -> None:
    link = chain_of(sealed)[PLACE - 1]
    with owning() as cursor:
        change("decision", "'approved'")(cursor, sealed, link)
    assert look(sealed, start=PLACE + 1).fault is None
    assert look(sealed, start=PLACE).fault


def test_the_other_organization_is_whole_all_the_time(cast: Cast, sealed: Person) -> None:
    link = chain_of(sealed)[PLACE - 1]
    with owning() as cursor:
        removed(cursor, sealed, link)
    assert look(cast.ines).fault is None


def test_an_untouched_record_is_whole_whatever_is_in_it(cast: Cast) -> None:
    for text in ("", "a" * 400, "1:2,3:-,", "\u202eright to left", "İ", "😀", "\ud800", "'; DROP TABLE x; --"):
        with transaction.atomic():
            write_and_seal(cast.maya, words=text)
    assert look(cast.maya).fault is None
