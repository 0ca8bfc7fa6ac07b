"""The evidence of a run, checked by the script on its own: it has nothing but the document and Python."""

import copy
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from jarvis_site.audit import anchors
from jarvis_site.audit.chain import Link, content_digest, link_hash
from jarvis_site.audit.data_rights import erase
from jarvis_site.audit.models import AuditEvent
from jarvis_site.audit.sealing import seal
from jarvis_site.kernel.data_rights import Subject
from jarvis_site.kernel.tenancy import tenant
from tests.audit.counts import PROPERTY
from tests.audit.records import write, write_and_seal
from tests.cast import Cast, Person

pytestmark = pytest.mark.django_db(transaction=True)

SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "samples" / "verify_evidence.py"
WHOLE, CHANGED, USAGE, UNCOVERED = 0, 1, 2, 3
RUN = UUID("0199b2c4-0000-7000-8000-000000000001")
OTHER = UUID("0199b2c4-0000-7000-8000-000000000002")

type Document = dict[str, Any]


def address(person: Person, part: str) -> str:
    return f"/o/{person.slug}/admin/audit/auditevent/{part}"


def fetched(person: Person, part: str) -> bytes:
    answer: Any = person.client().get(address(person, part))
    assert answer.status_code == HTTPStatus.OK
    assert answer["Content-Disposition"].startswith("attachment")
    return answer.getvalue()


def taken(cast: Cast) -> Document:
    """The evidence of a run between whose rows others were written, covered by an anchor some links later."""
    for _round in range(2):
        write(cast.maya, rows=2, run_id=RUN)
        write_and_seal(cast.maya, rows=2, run_id=OTHER)
    write_and_seal(cast.maya, rows=2)
    anchors.anchor()
    found: Document = json.loads(fetched(cast.maya, f"evidence/{RUN}/"))
    return found


def checked(folder: Path, document: Any, *arguments: str) -> tuple[int, str]:
    path = folder / "evidence.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    command = [sys.executable, "-I", str(SCRIPT), str(path), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={}, cwd=folder)
    return done.returncode, done.stdout + done.stderr


def test_the_evidence_of_an_untouched_run_is_whole(cast: Cast, tmp_path: Path, anchors_folder: Path) -> None:
    document = taken(cast)
    assert len(document["rows"]) == 4
    assert len(document["links"]) > 6
    assert len(document["anchors"]) == 1
    status, told = checked(tmp_path, document)
    assert (status, "WHOLE" in told) == (WHOLE, True), told
    assert checked(tmp_path, document, "--anchors", str(anchors_folder / anchors.NAME))[0] == WHOLE


def test_rows_after_the_last_anchor_are_not_covered(cast: Cast, tmp_path: Path) -> None:
    write_and_seal(cast.maya, run_id=RUN)
    status, told = checked(tmp_path, json.loads(fetched(cast.maya, f"evidence/{RUN}/")))
    assert (status, "NOT COVERED" in told) == (UNCOVERED, True)


def test_rows_without_a_link_yet_are_counted(cast: Cast, tmp_path: Path) -> None:
    write_and_seal(cast.maya, run_id=RUN)
    anchors.anchor()
    write(cast.maya, rows=2, run_id=RUN)
    status, told = checked(tmp_path, json.loads(fetched(cast.maya, f"evidence/{RUN}/")))
    assert (status, "2 rows had no link yet" in told) == (WHOLE, True)


def test_erased_words_leave_the_evidence_whole(cast: Cast, tmp_path: Path) -> None:
    document = taken(cast)
    gone = Subject(cast.maya.membership.id, cast.maya.user.id, cast.maya.email)
    with tenant(cast.halden.id):
        list(erase(gone))
    again = json.loads(fetched(cast.tomas, f"evidence/{RUN}/"))
    assert [row["words"] for row in document["rows"]] == [f'{{"reason":"because {n}"}}' for n in words_order(document)]
    assert [row["words"] for row in again["rows"]] == [None] * 4
    status, told = checked(tmp_path, again)
    assert (status, "4 of them with words that are not here" in told) == (WHOLE, True)


def words_order(document: Document) -> list[int]:
    place = document["columns"].index("details")
    return [json.loads(row["columns"][place])["number"] for row in document["rows"]]


# Tampering ------------------------------------------------------------------------------------------------------------


def row_edited(document: Document, column: int) -> None:
    columns = document["rows"][1]["columns"]
    columns[column] = f"{columns[column]}0" if columns[column] is not None else "0"


def relinked(document: Document, begin: int) -> None:
    """Make all links from there on fit together again, as somebody would who writes a record anew."""
    links = document["links"]
    for place in range(begin, len(links)):
        link = links[place]
        if place:
            link["previous"] = links[place - 1]["hash"]
        parts = {name: link[name] for name in ("number", "event_id", "run_tag", "content", "previous")}
        link["hash"] = link_hash(Link(organization_id=document["organization"], hash="", **parts))


def rewritten(document: Document) -> None:
    row = document["rows"][1]
    row["columns"][document["columns"].index("decision")] = "approved"
    place = row["number"] - document["links"][0]["number"]
    document["links"][place]["content"] = content_digest(row["columns"])
    relinked(document, place)


def rewritten_with_anchors(document: Document) -> None:
    """The whole made anew, the anchors in the document too."""
    rewritten(document)
    hashes = {link["number"]: link["hash"] for link in document["links"]}
    entries = [json.loads(line) for line in document["anchors"]]
    document["anchors"] = [json.dumps({**entry, "hash": hashes[entry["number"]]}) for entry in entries]


def swapped(items: list[Any], first: int, second: int) -> None:
    items[first], items[second] = items[second], items[first]


def run_taken_out(document: Document) -> None:
    """A row left out, and its link said to be of another run."""
    row = document["rows"].pop(1)
    document["links"][row["number"] - document["links"][0]["number"]]["run_tag"] = "0" * 64


def cut_off(document: Document) -> None:
    last = document["rows"].pop()["number"]
    document["links"] = [link for link in document["links"] if link["number"] < last]


ACTS: dict[str, Callable[[Document], object]] = {
    **{f"column {column} of a row edited": lambda d, c=column: row_edited(d, c) for column in range(13)},
    "column of a row taken away": lambda d: d["rows"][1]["columns"].pop(),
    "columns called otherwise": lambda d: swapped(d["columns"], 4, 5),
    "row removed": lambda d: d["rows"].pop(1),
    "first row removed": lambda d: d["rows"].pop(0),
    "last row removed": lambda d: d["rows"].pop(),
    "all rows removed": lambda d: d["rows"].clear(),
    "rows reordered": lambda d: swapped(d["rows"], 0, 1),
    "row doubled": lambda d: d["rows"].insert(1, copy.deepcopy(d["rows"][1])),
    "row renumbered": lambda d: d["rows"][1].update(number=d["rows"][1]["number"] + 1),
    "link removed": lambda d: d["links"].pop(3),
    "last link removed": lambda d: d["links"].pop(),
    "first link removed": lambda d: d["links"].pop(0),
    "all links removed": lambda d: d["links"].clear(),
    "links reordered": lambda d: swapped(d["links"], 2, 3),
    "link doubled": lambda d: d["links"].insert(3, copy.deepcopy(d["links"][3])),
    "link renumbered": lambda d: d["links"][3].update(number=99),
    **{
        f"{part} of a link altered": lambda d, p=part: d["links"][3].update({p: "f" * 64})
        for part in ("event_id", "run_tag", "content", "previous", "hash")
    },
    "row and link left out": run_taken_out,
    "cut off at the end": cut_off,
    "written anew": rewritten,
    "words altered": lambda d: d["rows"][1].update(words='{"reason":"because I may"}'),
    "key of words altered": lambda d: d["rows"][1].update(words_key="00" * 32),
    "key of words no key": lambda d: d["rows"][1].update(words_key="zz"),
    "words without their key": lambda d: d["rows"][1].update(words_key=None),
    "words swapped": lambda d: d["rows"][0].update(words=d["rows"][1]["words"], words_key=d["rows"][1]["words_key"]),
    "another run": lambda d: d.update(run=str(OTHER)),
    "another organization": lambda d: d.update(organization=str(uuid4())),
    "anchor altered": lambda d: d.update(anchors=[line.replace('"hash":"', '"hash":"0') for line in d["anchors"]]),
    "anchor of nothing": lambda d: d.update(anchors=["{}"]),
}


def test_whatever_is_done_to_the_evidence_is_found(cast: Cast, tmp_path: Path, record_property: Any) -> None:
    document = taken(cast)
    for what, act in ACTS.items():
        tampered = copy.deepcopy(document)
        act(tampered)
        assert tampered != document, what
        status, told = checked(tmp_path, tampered)
        record_property(PROPERTY, ("evidence", what, 1, int(status == CHANGED)))
        assert (status, told.startswith("CHANGED: ")) == (CHANGED, True), (what, told)


def test_what_was_made_anew_as_a_whole_is_found_by_a_copy_of_the_anchors(
    cast: Cast, tmp_path: Path, anchors_folder: Path, record_property: Any
) -> None:
    document = taken(cast)
    rewritten_with_anchors(document)
    assert checked(tmp_path, document)[0] == WHOLE, "the document alone cannot tell"
    copied = str(anchors_folder / anchors.NAME)
    status, told = checked(tmp_path, document, "--anchors", copied)
    record_property(PROPERTY, ("evidence", "all made anew", 1, int(status == CHANGED)))
    assert (status, "made anew" in told) == (CHANGED, True)
    del document["anchors"][:]
    assert checked(tmp_path, document)[0] == UNCOVERED
    assert checked(tmp_path, document, "--anchors", copied)[0] == CHANGED


def test_a_copy_of_the_anchors_that_was_tampered_with_is_found(
    cast: Cast, tmp_path: Path, anchors_folder: Path
) -> None:
    document = taken(cast)
    path = anchors_folder / anchors.NAME
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[1:]))
    assert checked(tmp_path, document, "--anchors", str(path))[0] == CHANGED
    forged = lines[0].replace(b'"number":', b'"number":1')
    path.write_bytes(b"".join([forged, *lines[1:]]))
    assert checked(tmp_path, document, "--anchors", str(path))[0] == CHANGED
    assert hashlib.sha256(forged).digest() != hashlib.sha256(lines[0]).digest()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "nothing", '{"version": "jarvis.audit.evidence/1"}', '{"version": 2}']
)
def test_what_is_no_evidence_is_refused(tmp_path: Path, text: str) -> None:
    assert checked(tmp_path, text)[0] == USAGE


def test_a_document_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert checked(tmp_path, "", "--anchors", "nowhere")[0] == USAGE


# Doors ----------------------------------------------------------------------------------------------------------------


def test_taking_evidence_and_the_record_is_recorded_before_anything_leaves(cast: Cast) -> None:
    write_and_seal(cast.maya, run_id=RUN)
    fetched(cast.tomas, f"evidence/{RUN}/")
    lines = [json.loads(line) for line in fetched(cast.tomas, "export/?format=jsonl").splitlines()]
    assert fetched(cast.tomas, "export/?format=csv").startswith(b"number,id,at,")
    with tenant(cast.halden.id):
        acts = AuditEvent.objects.filter(action__startswith="audit.").order_by("id")
        assert [(row.action, row.member_id, row.run_id) for row in acts] == [
            ("audit.evidence_taken", cast.tomas.membership.id, None),
            ("audit.exported", cast.tomas.membership.id, None),
            ("audit.exported", cast.tomas.membership.id, None),
        ]
        assert len(lines) == AuditEvent.objects.count() - 1


@pytest.mark.parametrize("part", ["export/", f"evidence/{RUN}/"])
def test_who_may_not_read_the_record_takes_nothing(cast: Cast, part: str) -> None:
    write_and_seal(cast.maya, run_id=RUN)
    for person in (cast.priya, cast.ines):
        assert person.client().get(address(cast.maya, part)).status_code in {HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN}
    assert cast.maya.client(proven=True).post(address(cast.maya, part)).status_code == HTTPStatus.NOT_FOUND
    with tenant(cast.halden.id):
        assert not AuditEvent.objects.filter(action__startswith="audit.").exists()


def test_there_is_no_evidence_of_a_run_of_others_or_of_none(cast: Cast) -> None:
    write_and_seal(cast.maya, run_id=RUN)
    assert cast.ines.client().get(address(cast.ines, f"evidence/{RUN}/")).status_code == HTTPStatus.NOT_FOUND


def test_the_log_leads_to_evidence_people_and_things(cast: Cast) -> None:
    write_and_seal(cast.maya, run_id=RUN)
    page = cast.maya.client().get(address(cast.maya, f"?run_id__exact={RUN}")).content.decode()
    assert f"evidence/{RUN}/" in page
    assert f"?member_id__exact={cast.maya.membership.id}" in page
    assert "?resource_type__exact=test&amp;resource_id__exact=" in page
    for query, shown in (("kind=runs", False), ("kind=people", True), ("decided=approved", False)):
        listed = cast.maya.client().get(address(cast.maya, f"?{query}")).content.decode()
        assert ("member.added" in listed) is shown, query


def test_a_run_that_was_sealed_later_is_whole_too(cast: Cast, tmp_path: Path) -> None:
    write(cast.maya, rows=3, run_id=RUN)
    seal()
    anchors.anchor()
    assert checked(tmp_path, json.loads(fetched(cast.maya, f"evidence/{RUN}/")))[0] == WHOLE
