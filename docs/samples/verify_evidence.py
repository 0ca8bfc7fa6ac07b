#!/usr/bin/env python3
"""Check the evidence of a run of Jarvis, offline, without trusting the site that gave it out.

    verify_evidence.py evidence.json
    verify_evidence.py evidence.json --anchors anchors.jsonl

The first says whether the document fits together: every row, every link from the run's first to its last, and the
anchors in it. Whoever has an own copy of the file of anchors, made at a time when nothing was in doubt, gives it with
--anchors: only that shows that the whole was not made anew. Python 3.10 or newer, nothing else.

Exit status: 0 whole and covered by an anchor, 1 something was changed (the first fault is named), 2 wrong use or no
such document, 3 whole, but no anchor covers all of it: that its end was cut off, or all of it made anew, cannot be
ruled out.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import sys
from pathlib import Path
from typing import Any

WHOLE, CHANGED, USAGE, UNCOVERED = 0, 1, 2, 3
VERSION = "jarvis.audit.evidence/1"
ROW, LINK, RUN = "jarvis.audit.row/1", "jarvis.audit.link/1", "jarvis.audit.run/1"
WORDS = b"jarvis.audit.words/1:"
NOTHING = "0" * 64
COLUMNS = [
    *("id", "organization_id", "at", "member_id", "action", "resource_type", "resource_id", "run_id", "decision"),
    *("details", "request_id", "words_digest", "words_sealed"),
]
DIGEST_LENGTH = 64


class Changed(Exception):
    """The first fault."""


class Malformed(Exception):
    """The document is none."""


def digest(texts: list[str | None]) -> str:
    """SHA-256 over `<length in bytes>:<UTF-8>,` for each text, and `-,` for what is null."""
    whole = hashlib.sha256()
    for text in texts:
        raw = b"" if text is None else text.encode("utf-8", "surrogatepass")
        whole.update(b"-," if text is None else b"%d:%b," % (len(raw), raw))
    return whole.hexdigest()


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def main() -> int:
    parser = argparse.ArgumentParser(description="Check the evidence of a run, offline.")
    parser.add_argument("evidence", type=Path, help="the document that the site gave out")
    parser.add_argument("--anchors", type=Path, help="an own copy of the site's file of anchors")
    asked = parser.parse_args()
    try:
        document = read(asked.evidence)
        copy = asked.anchors.read_bytes() if asked.anchors else None
        covered = check(document, copy)
    except Changed as fault:
        say(f"CHANGED: {fault}")
        return CHANGED
    except (OSError, Malformed) as error:
        sys.stderr.write(f"This cannot be checked: {error}\n")
        return USAGE
    say(told(document))
    if covered is None:
        say("NOT COVERED: no anchor is as late as the last row.")
        return UNCOVERED
    say(f"WHOLE: covered by an anchor of {covered}.")
    return WHOLE


def read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except ValueError as error:
        raise Malformed(f"it is no JSON: {error}") from None
    if not isinstance(found, dict) or found.get("version") != VERSION:
        raise Malformed(f"it is not of version {VERSION}")
    if not (
        shaped(found, {"organization": str, "run": str, "columns": list, "rows": list, "links": list, "anchors": list})
        and all(shaped(row, {"number": int, "columns": list}) for row in found["rows"])
        and all(shaped(link, {"number": int, **dict.fromkeys(LINK_TEXTS, str)}) for link in found["links"])
        and all(isinstance(line, str) for line in found["anchors"])
        and all(isinstance(text, str | None) for row in found["rows"] for text in row["columns"])
    ):
        raise Malformed("parts of it are missing or of another kind")
    return found


LINK_TEXTS = ("event_id", "run_tag", "content", "previous", "hash")


def shaped(value: Any, parts: dict[str, type]) -> bool:
    return isinstance(value, dict) and all(type(value.get(name)) is kind for name, kind in parts.items())


def check(document: dict[str, Any], copy: bytes | None) -> str | None:
    """Check everything. Returns the time of the first anchor that covers all of it, if there is one; raises Changed."""
    links = check_links(document)
    check_rows(document, links)
    times = check_anchors(document, links)
    if copy is not None:
        times = check_copy(document, links, copy)
    last = max((row["number"] for row in document["rows"]), default=0)
    return min((at for number, at in times.items() if number >= last), default=None) if last else None


def check_links(document: dict[str, Any]) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    before: dict[str, Any] | None = None
    for link in document["links"]:
        number = link["number"]
        if before is not None and number != before["number"] + 1:
            raise Changed(f"after link {before['number']} comes link {number}: links are missing or out of order")
        if before is None and number == 1 and link["previous"] != NOTHING:
            raise Changed("link 1 names one before it")
        if before is not None and link["previous"] != before["hash"]:
            raise Changed(f"link {number} does not follow the link before it")
        if link["hash"] != hash_of(document, link):
            raise Changed(f"link {number} is not what its hash says")
        found[number] = before = link
    return found


def hash_of(document: dict[str, Any], link: dict[str, Any]) -> str:
    parts = [link["event_id"], link["run_tag"], link["content"], link["previous"]]
    return digest([LINK, document["organization"], str(link["number"]), *parts])


def check_rows(document: dict[str, Any], links: dict[int, dict[str, Any]]) -> None:
    if document["columns"] != COLUMNS:
        raise Changed("the columns are not those of this version")
    numbers = [row["number"] for row in document["rows"]]
    if numbers != sorted(set(numbers)):
        raise Changed("the rows are out of order, or some are there twice")
    for row in document["rows"]:
        check_row(document, row, links.get(row["number"]))
    there = set(numbers)
    for number, link in links.items():
        if number not in there and link["run_tag"] == digest([RUN, link["event_id"], document["run"]]):
            raise Changed(f"row {number} is missing: the chain says that it is of this run")


def check_row(document: dict[str, Any], row: dict[str, Any], link: dict[str, Any] | None) -> None:
    name = f"row {row['number']}"
    if link is None:
        raise Changed(f"{name} has no link")
    if len(row["columns"]) != len(COLUMNS):
        raise Changed(f"{name} has not all columns")
    if digest([ROW, *row["columns"]]) != link["content"]:
        raise Changed(f"{name} is not what its link says: its content was changed")
    told = dict(zip(COLUMNS, row["columns"], strict=True))
    if told["id"] != link["event_id"]:
        raise Changed(f"{name} has the link of another row")
    if told["organization_id"] != document["organization"] or told["run_id"] != document["run"]:
        raise Changed(f"{name} is of another organization or run")
    if link["run_tag"] != digest([RUN, told["id"], told["run_id"]]):
        raise Changed(f"{name} has a link that names another run")
    check_words(name, row, told["words_digest"] or "")


def check_words(name: str, row: dict[str, Any], wanted: str) -> None:
    words, key = row.get("words"), row.get("words_key")
    if words is None and key is None:
        return  # there were none, or they were erased
    if not isinstance(words, str) or not isinstance(key, str):
        raise Changed(f"{name} has words without their key, or a key without words")
    try:
        raw = bytes.fromhex(key)
    except ValueError:
        raise Changed(f"{name} has a key that is none") from None
    found = hmac.digest(raw, WORDS + words.encode("utf-8", "surrogatepass"), "sha256").hex()
    if not hmac.compare_digest(found, wanted):
        raise Changed(f"{name} was not written with these words")


def check_anchors(document: dict[str, Any], links: dict[int, dict[str, Any]]) -> dict[int, str]:
    """Compare the anchors in the document. Returns their times, by the number of the link."""
    times = {}
    for place, line in enumerate(document["anchors"], 1):
        anchor = parsed(line)
        if anchor is None or anchor["organization"] != document["organization"]:
            raise Changed(f"anchor {place} is none of this organization")
        link = links.get(anchor["number"])
        if link is None:
            raise Changed(f"anchor {place} is of link {anchor['number']}, which is missing: links were cut off")
        if link["hash"] != anchor["hash"]:
            raise Changed(f"anchor {place} knows another link {anchor['number']}: it, or one before it, was made anew")
        times[anchor["number"]] = anchor["at"]
    return times


def check_copy(document: dict[str, Any], links: dict[int, dict[str, Any]], copy: bytes) -> dict[int, str]:
    """Compare one's own copy of the file of anchors, and the anchors of the document with it."""
    times: dict[int, str] = {}
    previous = NOTHING
    lines = [line for line in copy.split(b"\n") if line]
    for place, line in enumerate(lines, 1):
        anchor = parsed(line.decode("utf-8", "replace"))
        if anchor is None or anchor["previous"] != previous:
            raise Changed(f"line {place} of the copy of the anchors was changed, or lines before it are missing")
        previous = hashlib.sha256(line).hexdigest()
        link = links.get(anchor["number"])
        if anchor["organization"] != document["organization"] or link is None:
            continue
        if link["hash"] != anchor["hash"]:
            raise Changed(f"line {place} of the copy knows another link {anchor['number']}: the chain was made anew")
        times.setdefault(anchor["number"], anchor["at"])
    known = {line.decode("utf-8", "replace") for line in lines}
    newest = max((parsed_at(line) for line in known), default="")
    for place, line in enumerate(document["anchors"], 1):
        if line not in known and parsed_at(line) <= newest:
            raise Changed(f"anchor {place} is not in the copy")
    return times


def parsed(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    whole = isinstance(found, dict) and {"organization", "number", "hash", "at", "previous"} <= found.keys()
    return found if whole and isinstance(found["at"], str) else None


def parsed_at(line: str) -> str:
    return str((parsed(line) or {}).get("at", ""))


def told(document: dict[str, Any]) -> str:
    rows = document["rows"]
    erased = sum(row.get("words") is None and bool(row["columns"][COLUMNS.index("words_digest")]) for row in rows)
    late = document.get("unsealed")
    return (
        f"Run {document['run']}: {len(rows)} rows, {erased} of them with words that are not here (erased),"
        f" {len(document['links'])} links, {len(document['anchors'])} anchors"
        + (f"; {late} rows had no link yet when it was made" if late else "")
        + "."
    )


if __name__ == "__main__":
    sys.exit(main())
