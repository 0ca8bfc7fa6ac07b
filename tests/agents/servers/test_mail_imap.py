"""Reading a real IMAP mailbox: one for the installation, of which everybody sees only what concerns them."""

from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from pytest_django import Settings

from agents.servers.mail.composition import Letter, Sender, compose
from tests.agents.servers.mail_calls import INVITATION, ToolFailedError, call, send, subjects
from tests.cast import Cast
from tests.servers.imap import *  # noqa: F403 - fixtures
from tests.servers.imap import USER, ImapServer

pytestmark = pytest.mark.django_db


def a_mail(subject: str = "Hello", body: str = "Hi", **headers: str) -> EmailMessage:
    mail = EmailMessage()
    given = {"From": "Raj Patel <raj@example.com>", "To": "maya@halden.example", "Subject": subject}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    for name, value in {**given, "Date": "Sat, 21 Nov 2026 09:00:00 +0100", **named}.items():
        mail[name] = value
    mail.set_content(body)
    return mail


def test_a_received_mail_is_found_and_read_and_stays_unread_on_the_server(cast: Cast, imap_server: ImapServer) -> None:
    imap_server.put(a_mail("Re: Møte", "See you at three.\nRaj"))
    (found,) = call(cast.maya, "search", query="three", from_="Patel")["messages"]
    assert (found["from"], found["subject"], found["snippet"]) == (
        "raj@example.com",
        "Re: Møte",
        "See you at three. Raj",
    )
    read = call(cast.maya, "read", message_id=found["message_id"])
    assert (read["body"].strip(), read["to"]) == ("See you at three.\nRaj", ["maya@halden.example"])
    assert datetime.fromisoformat(read["date"]) == datetime(2026, 11, 21, 8, tzinfo=UTC)
    assert imap_server.unseen() == 1


def test_everybody_sees_only_what_concerns_them(cast: Cast, imap_server: ImapServer) -> None:
    imap_server.put(a_mail("For Maya"))
    imap_server.put(a_mail("For somebody like her", To="notmaya@halden.example.org"))
    imap_server.put(a_mail("For Tomas, copy to Maya", To="tomas@halden.example", Cc="Maya <MAYA@halden.example>"))
    assert subjects(cast.maya) == ["For Tomas, copy to Maya", "For Maya"]
    assert subjects(cast.tomas) == ["For Tomas, copy to Maya"]
    (ours,) = call(cast.maya, "search", query="For", limit=1)["messages"]
    assert subjects(cast.ines) == []
    with pytest.raises(ToolFailedError) as refused:
        call(cast.ines, "read", message_id=ours["message_id"])
    assert refused.value.code == "not_found"


def test_the_mailbox_belongs_to_the_member_with_its_address(
    cast: Cast, imap_server: ImapServer, settings: Settings
) -> None:
    imap_server.put(a_mail("To the office", To=USER))
    assert subjects(cast.maya) == []
    cast.maya.user.email = USER
    cast.maya.user.save()
    object.__setattr__(cast.maya.actor, "email", USER)
    assert subjects(cast.maya) == ["To the office"]


def test_sent_and_received_mails_are_found_together(cast: Cast, imap_server: ImapServer) -> None:
    send(cast.maya, subject="Question about the offer")
    imap_server.put(a_mail("Answer about the offer"))
    assert sorted(subjects(cast.maya, query="offer")) == ["Answer about the offer", "Question about the offer"]


def test_an_invitation_that_came_by_mail_is_read(cast: Cast, imap_server: ImapServer) -> None:
    letter = Letter(("maya@halden.example",), (), "Invitation", "Come", INVITATION)
    sender = Sender("Raj", "raj@example.com")
    imap_server.put(compose(letter, sender=sender, message_id="<1@example.com>", at=datetime.now(UTC)))
    (found,) = call(cast.maya, "search")["messages"]
    assert "METHOD:REQUEST" in call(cast.maya, "read", message_id=found["message_id"])["invitation"]


def test_a_mail_of_html_only_is_read_as_text_without_anything_hidden(cast: Cast, imap_server: ImapServer) -> None:
    mail = a_mail("Offer")
    mail.set_content(
        "<style>p{}</style><p>Fish &amp; chips</p><script>alert(1)</script><img src=https://t.example/x>",
        subtype="html",
    )
    imap_server.put(mail)
    (found,) = call(cast.maya, "search")["messages"]
    assert call(cast.maya, "read", message_id=found["message_id"])["body"].strip() == "Fish & chips"


@pytest.mark.parametrize(
    "raw",
    [
        b"From: raj@example.com\r\nTo: maya@halden.example\r\n\r\nno subject, no date",
        b"From: \xff\xfe\r\nTo: maya@halden.example\r\nSubject: =?utf-8?b?4oCu?= =?no?q?a?=\r\nDate: no\r\n\r\n\x00",
        b"To: maya@halden.example\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nbroken",
        b"To: maya@halden.example\r\nContent-Type: text/calendar\r\nContent-Transfer-Encoding: base64\r\n\r\n!!",
    ],
)
def test_broken_mails_are_shown_as_far_as_they_go(cast: Cast, imap_server: ImapServer, raw: bytes) -> None:
    imap_server.put(raw)
    (found,) = call(cast.maya, "search")["messages"]
    assert "\x00" not in call(cast.maya, "read", message_id=found["message_id"])["body"]


@pytest.mark.parametrize("query", ["\\", "x) OR ALL (", "\r\nA LOGOUT", "æ", "{5}", "*"])
def test_what_is_searched_for_is_never_a_command(cast: Cast, imap_server: ImapServer, query: str) -> None:
    imap_server.put(a_mail("Hello"))
    assert subjects(cast.maya, query=query) == []


@pytest.mark.parametrize("message_id", ["1.1", "x.1", "1.1:*", "..", "0.0"])
def test_made_up_ids_find_nothing(cast: Cast, imap_server: ImapServer, message_id: str) -> None:
    imap_server.put(a_mail("Hello"))
    with pytest.raises(ToolFailedError) as refused:
        call(cast.maya, "read", message_id=message_id)
    assert refused.value.code == "not_found"


def test_a_server_that_is_down_is_tried_again_later(cast: Cast, imap_server: ImapServer, settings: Settings) -> None:
    settings.IMAP_PORT = 1
    with pytest.raises(ToolFailedError) as refused:
        call(cast.maya, "search")
    assert (refused.value.code, refused.value.retryable) == ("mailbox_unavailable", True)


def test_a_wrong_password_is_said(cast: Cast, imap_server: ImapServer, settings: Settings) -> None:
    settings.IMAP_PASSWORD = "wrong"
    with pytest.raises(ToolFailedError) as refused:
        call(cast.maya, "search")
    assert refused.value.code == "mailbox_unavailable"
