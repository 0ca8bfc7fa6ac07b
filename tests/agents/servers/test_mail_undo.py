"""Taking a draft back: only as it was written; what was sent stays sent."""

import pytest

from agents.contracts import JsonObject
from agents.servers.mail import services
from agents.servers.mail.models import Message
from agents.servers.mail.server import TOOLBOX
from jarvis_site.kernel.tenancy import tenant
from tests.agents.servers.mail_calls import RAJ, ToolFailedError, call, caller_for, send
from tests.cast import Cast, Person

pytestmark = pytest.mark.django_db
MAIL = {"to": [RAJ], "subject": "Later", "body": "Hello"}


def drafts(person: Person) -> list[str]:
    return [line["subject"] for line in call(person, "list_drafts")["drafts"]]


def take_back(person: Person, draft: JsonObject) -> JsonObject:
    return call(person, "take_back_draft", draft_id=draft["draft_id"], version=draft["version"])


def refused(person: Person, draft: JsonObject) -> str:
    with pytest.raises(ToolFailedError) as error:
        take_back(person, draft)
    assert (error.value.code, error.value.retryable) == ("conflict", False)
    return error.value.message


def change(person: Person, draft: JsonObject, body: str) -> None:
    caller = caller_for(person)
    with tenant(person.organization.id, member=person.membership.id):
        row = Message.objects.get(id=str(draft["draft_id"]))
        letter = services.letter_checked(to=row.to, subject=row.subject, body=body)
        services.draft_change(caller=caller, draft_id=row.id, letter=letter)


def test_a_draft_is_gone_again_and_a_repetition_does_no_harm(cast: Cast) -> None:
    draft = call(cast.maya, "write_draft", **MAIL)
    assert take_back(cast.maya, draft)["words"] == "The draft is gone. Nobody was written to."
    assert drafts(cast.maya) == []
    take_back(cast.maya, draft)


def test_a_draft_that_was_changed_since_stays(cast: Cast) -> None:
    draft = call(cast.maya, "write_draft", **MAIL)
    change(cast.maya, draft, "Hello, and more")
    assert "has been changed since" in refused(cast.maya, draft)
    assert drafts(cast.maya) == ["Later"]


def test_a_repeated_call_does_not_take_the_persons_words_for_its_own(cast: Cast) -> None:
    draft = call(cast.maya, "write_draft", key="step-1", **MAIL)
    change(cast.maya, draft, "Hello, and more")
    again = call(cast.maya, "write_draft", key="step-1", **MAIL)
    assert again == draft
    refused(cast.maya, again)


def test_a_draft_that_was_sent_since_cannot_be_taken_back(cast: Cast) -> None:
    draft = call(cast.maya, "write_draft", **MAIL)
    send(cast.maya, draft_id=draft["draft_id"], subject="Later", body="Hello")
    assert "has been sent since" in refused(cast.maya, draft)


def test_somebody_elses_draft_stays_where_it_is(cast: Cast) -> None:
    draft = call(cast.maya, "write_draft", **MAIL)
    for stranger in (cast.tomas, cast.ines):
        take_back(stranger, draft)
    assert drafts(cast.maya) == ["Later"]


def test_a_sent_mail_declares_no_way_back(cast: Cast) -> None:
    specs = {spec.name: spec for spec in TOOLBOX.specs()}
    assert (specs["mail.send"].reversibility, specs["mail.send"].undo) == ("final", None)
