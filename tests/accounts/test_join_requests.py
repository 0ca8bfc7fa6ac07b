"""Asking to join: who may answer is told, and who was let in."""

from http import HTTPStatus

import pytest
from django.core.mail import EmailMessage

from accounts.contracts import JoinMode
from accounts.models import EmailDomain, JoinRequest, SiteMail, User
from accounts.services.members import member_add
from accounts.services.sso import written_down
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.tenancy import tenant
from notifications.models import Notification
from tests.accounts.joining import account, signed_in
from tests.cast import Cast, Person
from tests.engine import Workers

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def nora(cast: Cast) -> User:
    """Who has asked to join Halden & Roe."""
    with tenant(cast.halden.id):
        EmailDomain.objects.create(domain="halden.example", join=JoinMode.REQUEST, token="t", verified_at=db_now())
        written_down()
    nora = account("nora@halden.example")
    signed_in(nora).post("/organizations/join/", {"organization": str(cast.halden.id)})
    return nora


def answer(by: Person, what: str) -> int:
    with tenant(by.organization.id):
        request = JoinRequest.objects.get()
    path = f"/o/{by.slug}/settings/requests/{request.id}/answer/"
    return by.client(proven=True).post(path, {"answer": what}).status_code


def bell(person: Person) -> str:
    return person.client().get(f"/o/{person.slug}/notifications/").content.decode()


def test_who_may_answer_is_told_once(cast: Cast, workers: Workers, nora: User) -> None:
    workers.drain()
    workers.drain()
    for person, told in ((cast.maya, True), (cast.tomas, True), (cast.priya, False), (cast.ines, False)):
        assert ("Somebody asks to join" in bell(person)) is told, person.email
    with tenant(cast.halden.id):
        assert Notification.objects.count() == 2
        assert nora.email not in str(list(Notification.objects.values()))  # it goes with the request


@pytest.mark.parametrize("what", ["accept", "decline"])
def test_only_who_was_let_in_is_told(
    cast: Cast, workers: Workers, nora: User, mailoutbox: list[EmailMessage], what: str
) -> None:
    workers.drain()
    assert answer(cast.tomas, what) == HTTPStatus.FOUND
    workers.drain()
    workers.mails()
    with tenant(cast.halden.id):
        assert not Notification.objects.filter(read_at=None).exists()
    if what == "decline":
        assert mailoutbox == []
        return
    [mail] = mailoutbox
    assert (mail.to, mail.subject) == ([nora.email], "Halden & Roe has let you in")
    assert f"http://127.0.0.1:8000/o/{cast.halden.slug}/" in str(mail.body)


def test_who_was_answered_before_the_news_went_round_bothers_nobody(cast: Cast, workers: Workers, nora: User) -> None:
    answer(cast.tomas, "decline")
    workers.drain()
    assert nora.email
    with tenant(cast.halden.id):
        assert not Notification.objects.exists()


def test_no_mail_is_sent_when_the_change_did_not_happen(cast: Cast, nora: User) -> None:
    member_add(organization=cast.halden, user=nora)  # by another way at the same moment
    answer(cast.tomas, "accept")
    assert SiteMail.objects.count() == 0
    with tenant(cast.halden.id):
        assert JoinRequest.objects.get().decided_at is None
