"""The mail tools with the built-in mailbox: nothing leaves the house."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from icalendar import Calendar

from agents.servers.mail import services
from agents.servers.mail.models import Contact, Message
from jarvis_site.audit.models import AuditEvent
from jarvis_site.audit.selectors import with_words
from jarvis_site.kernel.tenancy import tenant
from tests.agents.servers.mail_calls import INVITATION, RAJ, ToolFailedError, call, caller_for, send, subjects
from tests.cast import Cast, Person

pytestmark = pytest.mark.django_db


def rows(person: Person, **wanted: object) -> list[Message]:
    with tenant(person.organization.id):
        return list(Message.objects.filter(owner_id=person.membership.id, **wanted))


def test_a_sent_mail_is_kept_and_said_to_be_kept(cast: Cast) -> None:
    sent = send(cast.maya, invitation=INVITATION)
    assert (sent["recipients"], sent["refused"], sent["kept_here"]) == ([RAJ], {}, True)
    assert "no mail server is connected" in sent["words"]
    kept = call(cast.maya, "read", message_id=sent["message_id"])
    assert (kept["from"], kept["to"], kept["subject"]) == ("maya@halden.example", [RAJ], "A call")
    assert kept["body"] == "Dear Raj,\n\nsee you tomorrow.\n"
    assert Calendar.from_ical(kept["invitation"])["METHOD"] == "REQUEST"


def test_a_member_finds_it_in_the_inbox(cast: Cast) -> None:
    send(cast.maya, to=["Tomas@halden.example"], cc=["priya@halden.example", RAJ], subject="Lunch")
    assert (subjects(cast.tomas), subjects(cast.priya)) == (["Lunch"], ["Lunch"])
    assert rows(cast.tomas)[0].box == Message.Box.INBOX


def test_a_repeated_call_sends_once_and_answers_the_same(cast: Cast) -> None:
    first = send(cast.maya, key="step-1", to=["tomas@halden.example"])
    assert send(cast.maya, key="step-1", to=["tomas@halden.example"]) == first
    assert (len(rows(cast.maya)), len(rows(cast.tomas))) == (1, 1)


def test_a_key_is_good_for_one_mail_only(cast: Cast) -> None:
    send(cast.maya, key="step-1")
    with pytest.raises(ToolFailedError) as refused:
        send(cast.maya, key="step-1", body="Something else")
    assert (refused.value.code, refused.value.retryable) == ("key_reused", False)


def test_another_organization_and_another_member_see_nothing_of_it(cast: Cast) -> None:
    sent = send(cast.maya, key="same-key")
    assert (subjects(cast.ines), subjects(cast.tomas)) == ([], [])
    for stranger in (cast.ines, cast.tomas):
        with pytest.raises(ToolFailedError) as refused:
            call(stranger, "read", message_id=sent["message_id"])
        assert refused.value.code == "not_found"
    assert call(cast.ines, "find_people", query="raj")["people"] == []
    send(cast.ines, key="same-key", subject="Own")
    assert (subjects(cast.maya), subjects(cast.ines)) == (["A call"], ["Own"])


def test_a_mail_to_a_member_of_another_organization_is_not_laid_into_their_inbox(cast: Cast) -> None:
    send(cast.maya, to=["ines@borealis.example"])
    assert subjects(cast.ines) == []


def test_a_draft_is_kept_once_and_leaves_the_drafts_when_it_is_sent(cast: Cast) -> None:
    mail = {"to": [RAJ], "subject": "Later", "body": "Hello"}
    draft = call(cast.maya, "write_draft", key="step-1", **mail)
    assert call(cast.maya, "write_draft", key="step-1", **mail) == draft
    assert subjects(cast.maya) == []
    send(cast.maya, draft_id=draft["draft_id"], subject="Later", body="Hello")
    assert subjects(cast.maya) == ["Later"]
    assert [row.state for row in rows(cast.maya, box=Message.Box.DRAFTS)] == [Message.State.USED]


def test_a_draft_of_somebody_else_cannot_be_sent(cast: Cast) -> None:
    draft = call(cast.tomas, "write_draft", to=[RAJ], subject="Mine", body="")
    for draft_id in (draft["draft_id"], "nonsense"):
        with pytest.raises(ToolFailedError) as refused:
            send(cast.maya, draft_id=draft_id)
        assert refused.value.code == "not_found"
    assert rows(cast.maya) == []


def test_drafts_are_listed_until_they_are_sent(cast: Cast) -> None:
    nothing = {"drafts": [], "words": "There are no drafts."}
    assert call(cast.maya, "list_drafts") == nothing
    mail = {"to": [RAJ], "subject": "*Offer*", "body": "Dear Raj,\n\nhere it is."}
    draft_id = call(cast.maya, "write_draft", **mail)["draft_id"]
    listed = call(cast.maya, "list_drafts")
    assert [(draft["draft_id"], draft["to"], draft["subject"]) for draft in listed["drafts"]] == [
        (draft_id, [RAJ], "*Offer*")
    ]
    assert r"- **\*Offer\***, raj@example.com, " in listed["words"]
    assert listed["words"].endswith("To send one, open it on the Mail page under Drafts.")
    assert call(cast.maya, "read", message_id=draft_id)["subject"] == "*Offer*"
    assert call(cast.tomas, "list_drafts") == call(cast.ines, "list_drafts") == nothing
    send(cast.maya, **mail, draft_id=draft_id)
    assert call(cast.maya, "list_drafts") == nothing


def test_search_wants_all_words_wherever_they_stand(cast: Cast) -> None:
    send(cast.maya, subject="Offer for Borealis", body="Price: 100 % of \u00e6\u00f8\u00e5")
    send(cast.maya, subject="Lunch", to=["tomas@halden.example"])
    assert subjects(cast.maya, query="offer price") == ["Offer for Borealis"]
    assert subjects(cast.maya, query="RAJ@example") == ["Offer for Borealis"]
    assert subjects(cast.maya, query="100 %") == ["Offer for Borealis"]
    assert subjects(cast.maya, query="_") == []
    assert subjects(cast.tomas, from_="lindqvist") == ["Lunch"]
    assert subjects(cast.maya, limit=1) == ["Lunch"]


def test_people_are_members_and_whoever_was_written_to(cast: Cast) -> None:
    send(cast.maya, invitation=INVITATION)
    raj = {"name": "Raj Patel", "email": RAJ}
    assert call(cast.maya, "find_people", query="raj")["people"] == [raj]
    assert call(cast.tomas, "find_people", query="Pat")["people"] == [raj]
    assert call(cast.maya, "find_people", query=RAJ)["people"] == [raj]
    assert call(cast.maya, "find_people", query="Set up a call with Raj tomorrow at 3pm, please")["people"] == [raj]
    tomas = {"name": "Tomas Okafor", "email": "tomas@halden.example"}
    assert call(cast.maya, "find_people", query="okafor")["people"] == [tomas]
    assert call(cast.maya, "find_people", query="okafor")["words"] == "- **Tomas Okafor**, tomas@halden.example"
    assert call(cast.maya, "find_people", query="nobody")["words"] == "Nobody fits."
    assert call(cast.maya, "find_people", query="anybody else here, in a long sentence")["people"] == []
    assert call(cast.maya, "find_people", query="")["people"] == []


def test_two_rajs_are_both_found(cast: Cast) -> None:
    with tenant(cast.halden.id):
        services.contact_add(name="Raj Patel", email=RAJ)
        services.contact_add(name="Raj Kumar", email="Kumar@Example.com")
        services.contact_add(name="Raj K. Kumar", email="kumar@example.com")
        assert Contact.objects.count() == 2
    found = (
        call(cast.maya, "find_people", query="mail Raj")["people"]
        or call(cast.maya, "find_people", query="Raj")["people"]
    )
    assert sorted(person["name"] for person in found) == ["Raj K. Kumar", "Raj Patel"]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"to": []}, "bad_arguments"),
        ({"to": ["raj"]}, "bad_address"),
        ({"to": ["raj@example.com\r\nBcc: eve@example.com"]}, "bad_address"),
        ({"to": ["Raj <raj@example.com>"]}, "bad_address"),
        ({"to": ["raj@example.com, eve@example.com"]}, "bad_address"),
        ({"to": ["\u202eraj@example.com"]}, "bad_address"),
        ({"to": ["raj\u200b@example.com"]}, "bad_address"),
        ({"to": ["raj@exa mple.com"]}, "bad_address"),
        ({"to": ["raj@-example-.com"]}, "bad_address"),
        ({"to": ["x" * 65 + "@example.com"]}, "bad_address"),
        (
            {"to": [f"p{n}@example.com" for n in range(60)], "cc": [f"q{n}@example.com" for n in range(60)]},
            "bad_address",
        ),
        ({"subject": "Hello\r\nBcc: eve@example.com"}, "bad_text"),
        ({"subject": "Invoice \u202egpj.exe"}, "bad_text"),
        ({"subject": "x" * 251}, "bad_arguments"),
        ({"body": "x" * 200_001}, "bad_arguments"),
        ({"invitation": "hello"}, "bad_invitation"),
        ({"invitation": INVITATION.replace("METHOD:REQUEST\r\n", "")}, "bad_invitation"),
        ({"invitation": INVITATION.replace("REQUEST", "PUBLISH")}, "bad_invitation"),
        ({"invitation": INVITATION.replace("UID:", "X-UID:")}, "bad_invitation"),
        ({"invitation": INVITATION.replace("20261122T150000", "20263399T150000")}, "bad_invitation"),
        ({"invitation": INVITATION.replace("SUMMARY:", "SUMMARY:" + "\u00e6" * 200_000)}, "bad_invitation"),
        ({"bcc": ["eve@example.com"]}, "bad_arguments"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_a_reason(cast: Cast, changed: dict[str, object], code: str) -> None:
    with pytest.raises(ToolFailedError) as refused:
        send(cast.maya, **changed)
    assert (refused.value.code, refused.value.retryable, refused.value.outcome_unknown) == (code, False, False)
    assert rows(cast.maya) == []


def test_odd_texts_survive(cast: Cast) -> None:
    body = "Shalom \u05e9\u05dc\u05d5\u05dd\u202e reversed\r\n\x07\ttab\U0001f600"
    sent = send(cast.maya, subject="\u05e9\u05dc\u05d5\u05dd \U0001f468\u200d\U0001f469\u200d\U0001f467", body=body)
    kept = call(cast.maya, "read", message_id=sent["message_id"])
    assert kept["subject"] == "\u05e9\u05dc\u05d5\u05dd \U0001f468\u200d\U0001f469\u200d\U0001f467"
    assert kept["body"] == "Shalom \u05e9\u05dc\u05d5\u05dd\ufffd reversed\n\ttab\U0001f600"


def test_recipients_are_counted_once(cast: Cast) -> None:
    sent = send(cast.maya, to=[RAJ, "RAJ@EXAMPLE.com"], cc=[RAJ, "o'neil+x@b\u00fccher.example"])
    assert sent["recipients"] == [RAJ, "o'neil+x@b\u00fccher.example"]


def test_each_act_is_on_record_without_the_words_of_the_mail(cast: Cast) -> None:
    send(cast.maya, body="a secret")
    with tenant(cast.halden.id):
        act = AuditEvent.objects.get(action="mail.sent")
        [(_row, words)] = with_words([act])
    assert act.member_id == cast.maya.membership.id
    assert act.details == {"recipients": 1, "refused": 0, "kept_here": True}
    assert words == {"to": [RAJ], "refused": []}


def test_the_cost_of_a_mail_does_not_grow_with_its_recipients(cast: Cast) -> None:
    def queries(*to: str) -> int:
        with tenant(cast.halden.id, member=cast.maya.membership.id), CaptureQueriesContext(connection) as counted:
            letter = services.letter_checked(to=to, subject="A call", body="")
            services.mail_send(caller=caller_for(cast.maya), letter=letter)
        return len(counted)

    few = queries(RAJ)
    assert few <= 12
    assert queries(*[f"p{n}@example.com" for n in range(50)], "tomas@halden.example") <= few + 1
