"""How somebody is told about what: in the bell, by mail too, or not at all."""

from http import HTTPStatus
from typing import Any

import pytest

from accounts.contracts import Role
from accounts.models import Membership
from jarvis_site.kernel.tenancy import tenant
from notifications.contracts import Matter
from notifications.models import Notification, Preference
from notifications.services import notify
from tests.cast import Cast, Person
from tests.engine import Workers
from tests.servers.smtp import *  # noqa: F403 - fixtures
from tests.servers.smtp import SmtpServer

pytestmark = pytest.mark.django_db(transaction=True)

ALL = {"approvals": "bell", "questions": "bell", "reminders": "bell", "copies": "bell", "limits": "bell"}


def choose(person: Person, **ways: str) -> Any:
    return person.client().post(f"/o/{person.slug}/notifications/settings/", {**ALL, **ways})


def shown(person: Person) -> str:
    return person.client().get(f"/o/{person.slug}/notifications/settings/").content.decode()


def tell(person: Person, *, title: str = "Waiting for your approval") -> None:
    with tenant(person.organization.id):
        notify(
            member_id=person.membership.id,
            matter=Matter.APPROVALS,
            key="consent:1",
            icon="approve",
            title=title,
            body="Mail the invitation",
            link="approvals/",
        )


def in_the_bell(person: Person) -> int:
    with tenant(person.organization.id):
        return Notification.objects.filter(member_id=person.membership.id).count()


def test_without_a_choice_one_is_told_in_the_bell_and_not_by_mail(
    cast: Cast, workers: Workers, site_smtp: SmtpServer
) -> None:
    tell(cast.priya)
    workers.mails()
    assert in_the_bell(cast.priya) == 1
    assert site_smtp.received == []


def test_who_wants_it_by_mail_gets_one_mail_that_leads_there(
    cast: Cast, workers: Workers, site_smtp: SmtpServer
) -> None:
    assert choose(cast.priya, approvals="mail").status_code == HTTPStatus.FOUND
    tell(cast.priya, title="Waiting for\nyour approval")
    tell(cast.priya)
    workers.mails()
    mail = site_smtp.received[0].message
    assert len(site_smtp.received) == 1
    assert mail["To"] == cast.priya.email
    assert mail["Subject"] == "Waiting for your approval (Halden & Roe)"
    text = mail.get_content()
    assert "Mail the invitation" in text
    assert f"/o/{cast.priya.slug}/approvals/" in text
    assert f"/o/{cast.priya.slug}/notifications/settings/" in text
    assert in_the_bell(cast.priya) == 1


def test_who_wants_to_hear_nothing_hears_nothing(cast: Cast, workers: Workers, site_smtp: SmtpServer) -> None:
    choose(cast.priya, approvals="not")
    tell(cast.priya)
    workers.mails()
    assert (in_the_bell(cast.priya), site_smtp.received) == (0, [])


def test_a_choice_holds_for_its_own_person_and_organization(cast: Cast) -> None:
    choose(cast.priya, approvals="not")
    tell(cast.maya)
    tell(cast.ines)
    assert (in_the_bell(cast.maya), in_the_bell(cast.ines)) == (1, 1)


def test_nobody_who_has_left_is_written_to(cast: Cast, workers: Workers, site_smtp: SmtpServer) -> None:
    choose(cast.priya, approvals="mail")
    with tenant(cast.halden.id):
        Membership.objects.filter(id=cast.priya.membership.id).update(suspended_at="2026-01-01T00:00Z")
    tell(cast.priya)
    workers.mails()
    assert site_smtp.received == []


def test_only_what_can_concern_somebody_is_asked(cast: Cast) -> None:
    assert "Somebody asks to join" not in shown(cast.priya)
    assert "Somebody asks to join" in shown(cast.tomas)
    with tenant(cast.halden.id):
        Membership.objects.filter(id=cast.priya.membership.id).update(role=Role.AUDITOR)
    assert "your approval" not in shown(cast.priya)
    assert choose(cast.priya, copies="mail", joining="mail").status_code == HTTPStatus.FOUND
    with tenant(cast.halden.id):
        assert list(Preference.objects.values_list("matter", "how")) == [("copies", "mail")]


@pytest.mark.parametrize("how", ["", "everywhere", "MAIL"])
def test_what_is_no_choice_is_refused(cast: Cast, how: str) -> None:
    assert choose(cast.priya, approvals=how).status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    with tenant(cast.halden.id):
        assert not Preference.objects.exists()


def test_the_page_shows_what_was_chosen(cast: Cast) -> None:
    choose(cast.priya, approvals="mail", reminders="not")
    page = shown(cast.priya)
    assert f"Mails go to {cast.priya.email}." in page
    assert page.count("selected") == len(ALL)
    assert '<option value="mail" selected>' in page
    assert '<option value="not" selected>' in page
