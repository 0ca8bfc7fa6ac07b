"""The mailbox's pages, through the whole site, without script."""

from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from agents.servers.mail.models import Message
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel.tenancy import tenant
from tests.agents.servers.mail_calls import INVITATION, RAJ, call, send
from tests.agents.servers.test_mail_imap import a_mail
from tests.cast import Cast, Person
from tests.servers.imap import *  # noqa: F403 - fixtures
from tests.servers.imap import ImapServer
from tests.servers.smtp import *  # noqa: F403 - fixtures
from tests.servers.smtp import SmtpServer

pytestmark = pytest.mark.django_db

LETTER = {"to": RAJ, "cc": "", "subject": "Hello", "body": "Dear Raj,\nbye"}


def page(person: Person, path: str = "", *, status: int = 200) -> str:
    response = person.client().get(f"/o/{person.slug}/mail/{path}")
    assert response.status_code == status
    return response.content.decode()


def post(person: Person, path: str, data: dict[str, str], *, status: int = 200) -> str:
    """Submit a form and go where it leads."""
    response = person.client().post(f"/o/{person.slug}/mail/{path}", data, follow=True)
    assert response.status_code == status
    return response.content.decode()


def only(person: Person) -> Message:
    with tenant(person.organization.id):
        return Message.objects.exclude(state=Message.State.USED).get(owner_id=person.membership.id)


def test_empty_folders_say_what_to_do(cast: Cast) -> None:
    assert "No mail for you yet" in page(cast.maya)
    assert "No drafts" in page(cast.maya, "drafts/")
    assert "Nothing sent yet" in page(cast.maya, "sent/")
    assert "no mail server is connected" in page(cast.maya)


def test_a_sent_mail_stands_in_its_folder_with_its_invitation_as_a_card(cast: Cast) -> None:
    cast.maya.user.timezone = "Asia/Kolkata"
    cast.maya.user.save()
    sent = send(cast.maya, invitation=INVITATION)
    assert "see you tomorrow" in page(cast.maya, "sent/")
    whole = page(cast.maya, f"{sent['message_id']}/")
    assert "Call with Raj æøå" in whole
    assert "Sunday 22 November 2026, 19:30 to 20:00" in whole
    assert "Kept here, not sent to the internet" in whole
    file = cast.maya.client().get(f"/o/{cast.maya.slug}/mail/{sent['message_id']}/invite.ics")
    assert (file["Content-Type"], file.content) == ("text/calendar; charset=utf-8", INVITATION.encode())


def test_opening_a_received_mail_marks_it_read(cast: Cast) -> None:
    send(cast.maya, to=["tomas@halden.example"], subject="Lunch")
    assert "post--unread" in page(cast.tomas)
    page(cast.tomas, f"{only(cast.tomas).id}/")
    assert "post--unread" not in page(cast.tomas)


def test_what_a_mail_says_is_text_and_nothing_else(cast: Cast) -> None:
    body = "<script>alert(1)</script> <img src=https://tracker.example/x> https://example.com/ \u202eevil"
    send(cast.maya, to=["tomas@halden.example"], subject="<b>Hi</b>", body=body)
    whole = page(cast.tomas, f"{only(cast.tomas).id}/")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in whole
    assert "&lt;b&gt;Hi&lt;/b&gt;" in whole
    assert "<img src" not in whole
    assert 'href="https://example.com' not in whole
    assert "\u202e" not in whole


def test_a_mail_is_written_kept_changed_and_sent_by_hand(cast: Cast) -> None:
    assert 'name="send"' in page(cast.maya, "new/")
    kept = post(cast.maya, "new/", {**LETTER, "keep": "1"})
    assert "The draft is kept." in kept
    draft = only(cast.maya)
    assert (draft.state, draft.to) == ("draft", [RAJ])
    sent = post(cast.maya, f"drafts/{draft.id}/", {**LETTER, "to": f"{RAJ}; tomas@halden.example", "send": "1"})
    assert "Kept here, not sent to the internet" in sent
    assert (only(cast.maya).state, only(cast.tomas).subject) == ("sent", "Hello")
    with tenant(cast.halden.id):
        acts = list(
            AuditEvent.objects.filter(action__startswith="mail.").order_by("id").values_list("action", flat=True)
        )
    assert acts == ["mail.drafted", "mail.draft_changed", "mail.sent"]


def test_pressing_send_twice_sends_once(cast: Cast, smtp_server: SmtpServer) -> None:
    post(cast.maya, "new/", {**LETTER, "keep": "1"})
    draft = only(cast.maya)
    post(cast.maya, f"drafts/{draft.id}/", {**LETTER, "send": "1"})
    post(cast.maya, f"drafts/{draft.id}/", {**LETTER, "send": "1"}, status=404)
    assert len(smtp_server.received) == 1


def test_a_draft_is_thrown_away(cast: Cast) -> None:
    draft = call(cast.maya, "write_draft", to=[RAJ], subject="Later", body="")
    assert "The draft is thrown away." in post(cast.maya, f"drafts/{draft['draft_id']}/discard/", {})
    assert "No drafts" in page(cast.maya, "drafts/")


def test_a_draft_made_in_the_chat_keeps_its_invitation(cast: Cast, smtp_server: SmtpServer) -> None:
    mail = {"to": [RAJ], "subject": "Call", "body": "Come", "invitation": INVITATION}
    draft = call(cast.maya, "write_draft", **mail)["draft_id"]
    assert "Call with Raj" in page(cast.maya, f"drafts/{draft}/")
    post(cast.maya, f"drafts/{draft}/", {**LETTER, "send": "1"})
    assert "text/calendar" in [part.get_content_type() for part in smtp_server.received[0].message.walk()]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"to": ""}, "Say to whom the mail should go."),
        ({"to": "raj"}, "is not a mail address"),
        ({"subject": "x\u202ey"}, "hidden characters"),
        ({"subject": "x" * 251}, "250 characters"),
        ({"body": "x" * 200_001}, "200000 characters"),
    ],
)
def test_a_mail_that_cannot_be_sent_comes_back_with_its_words(cast: Cast, changed: dict[str, str], said: str) -> None:
    shown = post(cast.maya, "new/", {**LETTER, "send": "1", **changed}, status=422)
    assert said in shown
    assert "bye" in shown or "body" in changed


def test_what_the_server_did_not_take_waits_and_can_be_tried_again(cast: Cast, smtp_server: SmtpServer) -> None:
    smtp_server.on_mail = ["451 Busy"]
    assert "cannot take the mail just now" in post(cast.maya, "new/", {**LETTER, "send": "1"})
    waiting = only(cast.maya)
    assert "Not sent yet" in page(cast.maya, "outbox/")
    assert "Sent." in post(cast.maya, f"outbox/{waiting.id}/resend/", {})
    assert len(smtp_server.received) == 1
    post(cast.maya, f"outbox/{waiting.id}/resend/", {}, status=404)


def test_a_mail_of_which_nobody_knows_is_written_again_only_by_a_person(cast: Cast, smtp_server: SmtpServer) -> None:
    smtp_server.after_content = [None]
    post(cast.maya, "new/", {**LETTER, "send": "1"})
    unknown = only(cast.maya)
    shown = page(cast.maya, f"{unknown.id}/")
    assert "Perhaps sent" in shown
    assert "/resend/" not in shown
    assert "Dear Raj" in post(cast.maya, f"outbox/{unknown.id}/again/", {})
    assert "Perhaps sent" in page(cast.maya, "sent/")
    assert len(smtp_server.received) == 1


def test_search_finds_and_says_when_nothing_fits(cast: Cast) -> None:
    send(cast.maya, subject="Offer")
    assert "Offer" in page(cast.maya, "search/?q=offer")
    assert "Nothing found" in page(cast.maya, "search/?q=banana")
    assert cast.maya.client().get(f"/o/{cast.maya.slug}/mail/search/?q=").status_code == 302


def test_the_connected_inbox_is_shown(cast: Cast, imap_server: ImapServer) -> None:
    imap_server.put(a_mail("From outside", "Regards"))
    assert "From outside" in page(cast.maya)
    found = call(cast.maya, "search")["messages"][0]["message_id"]
    assert "Regards" in page(cast.maya, f"{found}/")
    assert "From outside" not in page(cast.tomas)


def test_a_connected_inbox_that_is_down_is_said_and_the_rest_is_shown(
    cast: Cast, imap_server: ImapServer, settings: Settings
) -> None:
    send(cast.tomas, to=["maya@halden.example"], subject="From inside")
    settings.IMAP_PORT = 1
    shown = page(cast.maya)
    assert "cannot be read at the moment" in shown
    assert "From inside" in shown
    assert "cannot be read at the moment" in page(cast.maya, "search/?q=inside")


PATHS = ["", "drafts/", "sent/", "outbox/", "new/", "search/?q=x", "{mail}/", "{mail}/invite.ics", "drafts/{draft}/"]
ACTS = ["drafts/{draft}/", "drafts/{draft}/discard/", "outbox/{mail}/again/", "outbox/{mail}/resend/", "new/"]


@pytest.mark.parametrize("path", PATHS + ACTS)
def test_strangers_get_404_and_other_members_cannot_reach_it(cast: Cast, path: str) -> None:
    mail = send(cast.maya, invitation=INVITATION)["message_id"]
    draft = call(cast.maya, "write_draft", to=[RAJ], subject="Mine", body="")["draft_id"]
    address = f"/o/{cast.maya.slug}/mail/{path.format(mail=mail, draft=draft)}"
    own = address.replace(cast.maya.slug, cast.ines.slug, 1)
    for client, place in ((cast.ines.client(), address), (cast.ines.client(), own), (cast.tomas.client(), address)):
        named = "{" in path
        for response in (client.get(place), client.post(place, {**LETTER, "send": "1"})):
            if place == address and client.session["_auth_user_id"] == str(cast.ines.user.pk):
                assert response.status_code == 404
            elif named:
                assert response.status_code in {404, 405}
    assert only_subjects(cast.maya) == ["A call", "Mine"]
    assert Client().get(address).status_code == 302


def only_subjects(person: Person) -> list[str]:
    with tenant(person.organization.id):
        return sorted(Message.objects.filter(owner_id=person.membership.id).values_list("subject", flat=True))


def test_made_up_mails_are_not_there(cast: Cast) -> None:
    for path in (f"{uuid4()}/", "nonsense/", "1.1/", f"drafts/{uuid4()}/"):
        page(cast.maya, path, status=404)


def test_a_long_folder_is_paged_and_costs_the_same(cast: Cast) -> None:
    def queries() -> int:
        client = cast.maya.client()
        with CaptureQueriesContext(connection) as counted:
            client.get(f"/o/{cast.maya.slug}/mail/sent/")
        return len(counted)

    send(cast.maya)
    few = queries()
    for number in range(55):
        send(cast.maya, subject=f"Mail {number}")
    assert queries() == few
    assert few <= 12
    first = page(cast.maya, "sent/")
    assert "Mail 54" in first
    assert "Mail 2<" not in first
    older = first.split('href="?before=')[1].split('"')[0]
    assert "Mail 2<" in page(cast.maya, f"sent/?before={older}")
    page(cast.maya, "sent/?before=nonsense")
