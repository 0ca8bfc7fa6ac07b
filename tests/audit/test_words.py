"""Words: nobody reads them without their key, and once that is gone nobody does; the chain stays whole."""

import pytest
from django.db import transaction

from accounts.models import Membership
from jarvis_site.audit import record, words
from jarvis_site.audit.data_rights import erase
from jarvis_site.audit.models import AuditEvent, AuditKey
from jarvis_site.audit.sealing import seal
from jarvis_site.audit.selectors import with_words
from jarvis_site.kernel.data_rights import Subject
from jarvis_site.kernel.ids import uuid7
from jarvis_site.kernel.tenancy import tenant
from tests.audit.records import look, rows, write_and_seal
from tests.cast import Cast, Person

pytestmark = pytest.mark.django_db(transaction=True)

ADDRESS = "o'neil+x@mail.example"
# Texts in which the address stands, and in which it does not.
WITH = [
    ADDRESS,
    ADDRESS.upper(),
    f"<{ADDRESS}>",
    f"mailto:{ADDRESS}",
    f"to={ADDRESS}.",
    f"({ADDRESS}), and others",
    f"a@b.example,{ADDRESS};c@d.example",
    f"'{ADDRESS}'",
    "o'neil+x@\uff4dail.example",
]
WITHOUT = ["neil+x@mail.example", "xo'neil+x@mail.example.org", "o'neil@mail.example", "mail.example", "@", "o'neil+x@"]


def subject(person: Person, address: str) -> Subject:
    return Subject(member_id=uuid7(), account_id=person.user.id, address=address)


def said(person: Person) -> list[dict[str, str]]:
    with tenant(person.organization.id):
        found = AuditEvent.objects.filter(action="test.done").order_by("at", "resource_id")
        return [words for _row, words in with_words(list(found))]


def say(person: Person, *texts: object) -> None:
    with tenant(person.organization.id, member=person.membership.id), transaction.atomic():
        for number, text in enumerate(texts):
            record(action="test.done", resource=f"test:{number:02}", words={"said": text})


def test_words_are_read_as_they_were_said(cast: Cast) -> None:
    texts = ["plain", "ü 😀 \u202e", {"deep": ["er", 1, None]}, "\ud800", "x" * 5000]
    say(cast.maya, *texts)
    assert said(cast.maya) == [{"said": text} for text in texts]


def test_nothing_of_them_stands_in_the_database(cast: Cast) -> None:
    say(cast.maya, "zanzibar")
    for table in ("audit_auditevent", "audit_auditkey", "audit_auditlink"):
        assert "zanzibar" not in str(rows(f"SELECT {table}::text FROM {table}"))  # noqa: S608


def test_the_same_words_look_different_in_each_row(cast: Cast) -> None:
    say(cast.maya, "yes", "yes")
    with tenant(cast.halden.id):
        found = AuditEvent.objects.filter(action="test.done").values_list("words_digest", "words_sealed")
        assert len({part for pair in found for part in pair}) == 4


def test_words_of_one_row_cannot_be_put_into_another(cast: Cast) -> None:
    say(cast.maya, "yes", "no")
    with tenant(cast.halden.id):
        first, second = AuditEvent.objects.filter(action="test.done")
        key = AuditKey.objects.get(event=first).key
    for place in (words.Place(cast.halden.id, second.id), words.Place(cast.borealis.id, first.id)):
        with pytest.raises(words.Unreadable):
            words.opened(first.words_sealed, key, place=place)


def test_erasing_destroys_what_the_person_said_and_leaves_the_chain_whole(cast: Cast) -> None:
    say(cast.priya, "mine")
    say(cast.maya, "hers")
    write_and_seal(cast.maya)
    before = rows("SELECT * FROM audit_auditevent ORDER BY id")
    gone = Subject(cast.priya.membership.id, cast.priya.user.id, "nobody@halden.example")
    with tenant(cast.halden.id):
        assert sum(erase(gone)) == 1
        assert Membership.objects.filter(id=cast.priya.membership.id).exists()
    assert [found.get("said", "") for found in said(cast.maya)][:2] == ["", "hers"]
    assert rows("SELECT * FROM audit_auditevent ORDER BY id") == before
    report = look(cast.maya)
    assert (report.fault, report.erased) == (None, 1)


def test_texts_of_others_in_which_the_address_stands_are_erased_and_no_other(cast: Cast) -> None:
    say(cast.maya, *WITH, {"to": [{"name": "O", "address": ADDRESS}]}, {ADDRESS: 1}, *WITHOUT)
    say(cast.ines, ADDRESS)
    seal()
    with tenant(cast.halden.id):
        assert sum(erase(subject(cast.priya, ADDRESS))) == len(WITH) + 2
        assert sum(erase(subject(cast.priya, ADDRESS))) == 0
    assert [found.get("said") for found in said(cast.maya)] == [*[None] * (len(WITH) + 2), *WITHOUT]
    assert said(cast.ines) == [{"said": ADDRESS}], "another organization's record is its own"
    report = look(cast.maya)
    assert (report.fault, report.erased) == (None, len(WITH) + 2)
