"""Sending by a real SMTP server, well behaved and not: every mail goes out once or nobody is told that it did."""

import ssl
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from django.db import connections
from django.utils import timezone
from icalendar import Calendar
from pytest_django import Settings

from agents.servers.mail import services
from agents.servers.mail.models import Message
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel.tenancy import all_tenants, tenant
from tests.agents.servers.mail_calls import INVITATION, RAJ, ToolFailedError, call, caller_for, send, subjects
from tests.cast import Cast, Person
from tests.servers.certificates import certificate_for
from tests.servers.imap import *  # noqa: F403 - fixtures
from tests.servers.imap import ImapServer
from tests.servers.smtp import *  # noqa: F403 - fixtures
from tests.servers.smtp import PASSWORD, USER, SmtpServer, smtp_running

pytestmark = pytest.mark.django_db


def state(person: Person) -> tuple[str, str]:
    """Box and state of the one mail in somebody's mailbox."""
    with tenant(person.organization.id):
        row = Message.objects.exclude(box=Message.Box.INBOX).get(owner_id=person.membership.id)
    return row.box, row.state


def refused(person: Person, **changed: object) -> ToolFailedError:
    with pytest.raises(ToolFailedError) as failure:
        send(person, **changed)
    return failure.value


def died_while_sending(person: Person, *, key: str) -> None:
    """Leave the ledger as a worker that was killed between the mark and the mail server's answer."""
    with tenant(person.organization.id, member=person.membership.id):
        letter = services.letter_checked(to=[RAJ], subject="A call", body="Dear Raj,\n\nsee you tomorrow.\n")
        draft = services.draft_write(caller=caller_for(person, key=key), letter=letter)
        Message.objects.filter(pk=draft.pk).update(box=Message.Box.OUTBOX, state=Message.State.SENDING)


def test_a_mail_arrives_with_an_invitation_that_calendars_understand(cast: Cast, smtp_server: SmtpServer) -> None:
    sent = send(cast.maya, cc=["cc@example.com"], subject="Møte i morgen", invitation=INVITATION)
    assert (sent["recipients"], sent["kept_here"]) == ([RAJ, "cc@example.com"], False)
    (post,) = smtp_server.received
    assert (post.sender, post.recipients) == ("maya@halden.example", [RAJ, "cc@example.com"])
    mail = post.message
    assert (mail["From"], mail["To"], mail["Cc"]) == ("Maya Lindqvist <maya@halden.example>", RAJ, "cc@example.com")
    assert (mail["Subject"], mail["Bcc"], mail["Reply-To"]) == ("Møte i morgen", None, None)
    assert abs(mail["Date"].datetime - timezone.now()).total_seconds() < 60
    kinds = [part.get_content_type() for part in mail.walk()]
    assert kinds == ["multipart/mixed", "multipart/alternative", "text/plain", "text/calendar", "application/ics"]
    text, calendar, attached = [part for part in mail.walk() if not part.is_multipart()]
    assert text.get_content().replace("\r\n", "\n") == "Dear Raj,\n\nsee you tomorrow.\n"
    assert (calendar.get_param("method"), calendar.get_content_charset()) == ("REQUEST", "utf-8")
    assert attached.get_filename() == "invite.ics"
    for part in (calendar, attached):
        assert part.get_payload(decode=True) == INVITATION.encode()
    (event,) = Calendar.from_ical(attached.get_payload(decode=True)).events
    assert (event["UID"], event["ATTENDEE"]) == ("call-1@jarvis.example", f"mailto:{RAJ}")


def test_a_repeated_call_sends_once(cast: Cast, smtp_server: SmtpServer) -> None:
    first = send(cast.maya, key="step-1")
    assert send(cast.maya, key="step-1") == first
    assert len(smtp_server.received) == 1
    assert state(cast.maya) == ("sent", "sent")


def test_lines_that_begin_with_a_dot_arrive_as_they_were(cast: Cast, smtp_server: SmtpServer) -> None:
    send(cast.maya, body=".\n..\n.hidden\nFrom here\n" + "long " * 400)
    text = smtp_server.received[0].message.get_content().replace("\r\n", "\n")
    assert text.startswith(".\n..\n.hidden\nFrom here\nlong long")
    assert max(len(line) for line in smtp_server.received[0].raw.splitlines()) < 999


def test_a_body_at_the_limit_arrives_whole(cast: Cast, smtp_server: SmtpServer) -> None:
    send(cast.maya, body="\u00e6" * 200_000)
    assert smtp_server.received[0].message.get_content().count("\u00e6") == 200_000


@pytest.mark.parametrize("answer", ["451 Try later", "421 Too busy"])
def test_a_busy_server_is_tried_again_with_the_same_mail(cast: Cast, smtp_server: SmtpServer, answer: str) -> None:
    smtp_server.on_mail = [answer]
    failure = refused(cast.maya, key="step-1")
    assert (failure.code, failure.retryable, failure.outcome_unknown) == ("mail_server_busy", True, False)
    assert answer[4:] in failure.message
    assert state(cast.maya) == ("outbox", "queued")
    send(cast.maya, key="step-1")
    assert (len(smtp_server.received), state(cast.maya)) == (1, ("sent", "sent"))


def test_a_server_that_is_down_is_tried_again(cast: Cast, smtp_server: SmtpServer, settings: Settings) -> None:
    settings.SMTP_PORT = 1
    failure = refused(cast.maya, key="step-1")
    assert (failure.code, failure.retryable) == ("mail_server_unreachable", True)
    settings.SMTP_PORT = smtp_server.port
    send(cast.maya, key="step-1")
    assert len(smtp_server.received) == 1


def test_a_connection_lost_before_the_content_is_tried_again(cast: Cast, smtp_server: SmtpServer) -> None:
    smtp_server.break_before_content = True
    assert refused(cast.maya, key="step-1").retryable
    smtp_server.break_before_content = False
    send(cast.maya, key="step-1")
    assert len(smtp_server.received) == 1


def test_a_refused_mail_is_not_tried_again(cast: Cast, smtp_server: SmtpServer) -> None:
    smtp_server.after_content = ["554 Looks like spam"]
    failure = refused(cast.maya)
    assert (failure.code, failure.retryable, failure.outcome_unknown) == ("mail_refused", False, False)
    assert "Looks like spam" in failure.message
    assert state(cast.maya) == ("outbox", "failed")
    with tenant(cast.halden.id):
        act = AuditEvent.objects.get(action="mail.not_sent")
    assert act.details == {"state": "failed"}


def test_refused_recipients_are_named_and_the_others_get_the_mail(cast: Cast, smtp_server: SmtpServer) -> None:
    smtp_server.refused = {"gone@example.com": "550 No such\x07 user"}
    sent = send(cast.maya, to=[RAJ, "gone@example.com"])
    assert (sent["recipients"], sent["refused"]) == ([RAJ], {"gone@example.com": "No such user"})
    assert "gone@example.com" in sent["words"]
    assert smtp_server.received[0].recipients == [RAJ]


@pytest.mark.parametrize(("answer", "retryable"), [("550 No such user", False), ("452 Mailbox full", True)])
def test_a_mail_for_nobody_is_not_sent(cast: Cast, smtp_server: SmtpServer, answer: str, retryable: bool) -> None:
    smtp_server.refused = {RAJ: answer}
    failure = refused(cast.maya)
    assert (failure.code, failure.retryable) == ("recipients_refused", retryable)
    assert RAJ in failure.message
    assert smtp_server.received == []


def test_a_connection_lost_after_the_content_is_never_sent_again_blindly(cast: Cast, smtp_server: SmtpServer) -> None:
    smtp_server.after_content = [None]
    for _attempt in range(2):
        failure = refused(cast.maya, key="step-1")
        assert (failure.code, failure.retryable, failure.outcome_unknown) == ("outcome_unknown", False, True)
    assert len(smtp_server.received) == 1
    assert state(cast.maya) == ("outbox", "unknown")


@pytest.mark.django_db(transaction=True)
def test_the_ledger_is_committed_before_the_mail_server_has_the_mail(cast: Cast, smtp_server: SmtpServer) -> None:
    seen: list[str] = []

    def look() -> None:
        with all_tenants():
            seen.extend(Message.objects.values_list("state", flat=True))
        connections.close_all()

    smtp_server.on_content = look
    send(cast.maya, key="step-1")
    assert (seen, state(cast.maya)) == (["sending"], ("sent", "sent"))


def test_a_killed_worker_leaves_a_mail_that_nobody_sends_again_blindly(cast: Cast, smtp_server: SmtpServer) -> None:
    died_while_sending(cast.maya, key="step-1")
    failure = refused(cast.maya, key="step-1")
    assert (failure.code, failure.outcome_unknown) == ("outcome_unknown", True)
    assert (smtp_server.received, state(cast.maya)) == ([], ("outbox", "unknown"))


def test_the_folder_of_sent_mail_tells_that_it_went_out(
    cast: Cast, smtp_server: SmtpServer, imap_server: ImapServer
) -> None:
    smtp_server.after_content = [None]
    refused(cast.maya, key="step-1")
    imap_server.put(smtp_server.received[0].raw, folder="Posted")
    sent = send(cast.maya, key="step-1")
    assert (sent["recipients"], state(cast.maya)) == ([RAJ], ("sent", "sent"))
    assert len(smtp_server.received) == 1


def test_a_mail_that_is_not_in_the_folder_of_sent_mail_stays_unknown(
    cast: Cast, smtp_server: SmtpServer, imap_server: ImapServer
) -> None:
    imap_server.put(EmailMessage(), folder="Posted")
    died_while_sending(cast.maya, key="step-1")
    assert refused(cast.maya, key="step-1").outcome_unknown


def test_the_message_id_is_the_same_for_every_attempt(cast: Cast, smtp_server: SmtpServer) -> None:
    smtp_server.after_content = ["451 Later"]
    refused(cast.maya, key="step-1")
    with tenant(cast.halden.id):
        before = Message.objects.get().rfc_message_id
    send(cast.maya, key="step-1")
    send(cast.maya, key="step-2")
    first, second = (post.message["Message-ID"] for post in smtp_server.received)
    assert first == before
    assert first.endswith("@halden.example>")
    assert first != second


def test_addresses_beyond_ascii(cast: Cast, smtp_server: SmtpServer) -> None:
    send(cast.maya, to=["raj@b\u00fccher.example", "r\u00e4j@example.com"], subject="\u00c6rlig")
    (post,) = smtp_server.received
    assert post.recipients == ["raj@xn--bcher-kva.example", "r\u00e4j@example.com"]
    assert post.message["To"] == "raj@xn--bcher-kva.example, r\u00e4j@example.com"
    assert post.message["Subject"] == "\u00c6rlig"


def test_a_server_without_smtputf8_is_not_given_such_an_address(cast: Cast, settings: Settings) -> None:
    with smtp_running() as server:
        settings.SMTP_HOST, settings.SMTP_PORT, settings.SMTP_TLS = "127.0.0.1", server.port, False
        failure = refused(cast.maya, to=["r\u00e4j@example.com"])
    assert (failure.code, failure.retryable, server.received) == ("address_not_supported", False, [])


# Encryption and sign-in -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate_for("localhost", folder=tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def tls_server(certificate: Path, settings: Settings) -> Iterator[SmtpServer]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with smtp_running(context) as server:
        settings.SMTP_HOST, settings.SMTP_PORT, settings.SMTP_TLS = "localhost", server.port, True
        settings.SMTP_USER, settings.SMTP_PASSWORD = USER, PASSWORD
        yield server


def test_encrypted_and_signed_in_the_account_writes_and_answers_go_to_the_member(
    cast: Cast, tls_server: SmtpServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    send(cast.maya)
    (post,) = tls_server.received
    assert (post.encrypted, post.sender) == (True, USER)
    assert post.message["From"] == f"Maya Lindqvist <{USER}>"
    assert post.message["Reply-To"] == "Maya Lindqvist <maya@halden.example>"


def test_a_server_with_an_unknown_certificate_gets_nothing(cast: Cast, tls_server: SmtpServer) -> None:
    failure = refused(cast.maya)
    assert (failure.code, failure.retryable, tls_server.received) == ("mail_server_not_trusted", False, [])


def test_a_wrong_password_is_said_and_not_tried_again(
    cast: Cast, tls_server: SmtpServer, certificate: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    settings.SMTP_PASSWORD = "wrong"
    failure = refused(cast.maya)
    assert (failure.code, failure.retryable) == ("mail_sign_in_refused", False)


def test_a_server_without_encryption_gets_nothing_when_encryption_is_asked_for(
    cast: Cast, smtp_server: SmtpServer, settings: Settings
) -> None:
    settings.SMTP_TLS = True
    failure = refused(cast.maya)
    assert (failure.code, smtp_server.received) == ("mail_server_unsuitable", [])


def test_members_are_not_served_twice(cast: Cast, smtp_server: SmtpServer) -> None:
    send(cast.maya, to=["tomas@halden.example"])
    assert subjects(cast.tomas) == []
    assert call(cast.maya, "search")["messages"][0]["subject"] == "A call"
