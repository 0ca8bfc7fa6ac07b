"""E-mail domains: shown to be one's own by a real look-up, and then a way in."""

from collections.abc import Iterator
from datetime import timedelta
from http import HTTPStatus
from socket import AF_INET, SOCK_DGRAM, socket
from typing import Any

import pytest
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from django.db import connection
from django.db.models import F
from django.test import Client
from django.utils.formats import date_format

from accounts.contracts import JoinMode
from accounts.errors import BadDomain
from accounts.models import EmailDomain, JoinRequest, User
from accounts.models.joining import DOMAIN_GRACE
from accounts.services.domains import domain_name, domains_look_again
from accounts.services.members import member_remove
from accounts.services.scim import domain_is_ours
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.models import Job
from jarvis_site.kernel.tenancy import tenant
from notifications.models import Notification
from tests.accounts.joining import account, membership, signed_in
from tests.cast import Cast, Person
from tests.engine import Workers
from tests.servers.name_server import NameServer, name_server

pytestmark = pytest.mark.django_db

DOMAIN = "halden.example"


@pytest.fixture
def names(settings: Any) -> Iterator[NameServer]:
    with name_server() as server:
        settings.DNS_SERVERS = [server.address]
        yield server


def post(cast: Cast, path: str, **fields: str) -> Any:
    return cast.tomas.client(proven=True).post(f"/o/{cast.halden.slug}/settings/domains/{path}", fields)


def row(cast: Cast) -> EmailDomain:
    with tenant(cast.halden.id):
        return EmailDomain.objects.get()


def claim(cast: Cast, join: JoinMode = JoinMode.AUTOMATIC, *, verified: bool = True) -> EmailDomain:
    post(cast, "", domain=DOMAIN, join=join.value)
    if verified:
        with tenant(cast.halden.id):
            EmailDomain.objects.update(verified_at=db_now())
    return row(cast)


def confirm(user: User) -> None:
    """Follow the link in the mail of verification."""
    address = EmailAddress.objects.get(user=user)
    key = EmailConfirmationHMAC(address).key
    assert Client().post(f"/account/confirm-email/{key}/").status_code == HTTPStatus.FOUND
    assert EmailAddress.objects.get(user=user).verified


@pytest.mark.django_db(transaction=True)
def test_a_domain_is_verified_by_its_record(cast: Cast, workers: Workers, names: NameServer) -> None:
    found = claim(cast, verified=False)
    page = cast.tomas.client().get(f"/o/{cast.halden.slug}/settings/domains/").content.decode()
    assert f"jarvis-verify={found.token}" in page
    names.records[DOMAIN] = ["v=spf1 -all", f"jarvis-verify={found.token}"]
    post(cast, f"{found.id}/check/")
    workers.jobs()
    assert row(cast).verified_at is not None
    assert names.asked == [f"{DOMAIN} TXT"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("texts", [None, [], ["jarvis-verify="], ["jarvis-verify=other"], ["x jarvis-verify={}"]])
def test_without_the_record_nothing_is_verified(
    cast: Cast, workers: Workers, names: NameServer, texts: list[str] | None
) -> None:
    found = claim(cast, verified=False)
    if texts is not None:
        names.records[DOMAIN] = [text.format(found.token) for text in texts]
    post(cast, f"{found.id}/check/")
    workers.jobs()
    now = row(cast)
    assert now.verified_at is None
    assert "The record was not found" in now.problem
    assert now.problem in cast.tomas.client().get(f"/o/{cast.halden.slug}/settings/domains/").content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_name_server_that_fails_is_asked_again(cast: Cast, workers: Workers, names: NameServer) -> None:
    found = claim(cast, verified=False)
    names.records[DOMAIN], names.silent = [f"jarvis-verify={found.token}"], True
    post(cast, f"{found.id}/check/")
    workers.jobs()
    assert "No name server answers" in row(cast).problem
    names.silent = False
    with tenant(cast.halden.id):
        Job.objects.update(not_before=db_now())
    workers.jobs()
    assert row(cast).verified_at is not None


@pytest.mark.django_db(transaction=True)
def test_one_organization_s_token_verifies_no_other(cast: Cast, workers: Workers, names: NameServer) -> None:
    found = claim(cast, verified=False)
    names.records[DOMAIN] = [f"jarvis-verify={found.token}"]
    client = cast.ines.client(proven=True)
    client.post(f"/o/{cast.borealis.slug}/settings/domains/", {"domain": DOMAIN, "join": "automatic"})
    with tenant(cast.borealis.id):
        theirs = EmailDomain.objects.get()
    client.post(f"/o/{cast.borealis.slug}/settings/domains/{theirs.id}/check/")
    workers.jobs()
    with tenant(cast.borealis.id):
        assert EmailDomain.objects.get().verified_at is None


def test_who_confirms_an_address_of_the_domain_is_in(cast: Cast) -> None:
    claim(cast)
    nora = account("nora@Halden.example".lower(), verified=False)
    assert membership(cast.maya, nora) is None
    confirm(nora)
    found = membership(cast.maya, nora)
    assert found is not None
    assert found.role == "member"


@pytest.mark.parametrize("why", ["not verified", "nothing", "request", "other domain", "subdomain", "unconfirmed"])
def test_nobody_is_let_in_by_less(cast: Cast, why: str) -> None:
    join = {"nothing": JoinMode.NOTHING, "request": JoinMode.REQUEST}.get(why, JoinMode.AUTOMATIC)
    claim(cast, join, verified=why != "not verified")
    email = {"other domain": "nora@halden.example.evil.example", "subdomain": "nora@sub.halden.example"}
    nora = account(email.get(why, "nora@halden.example"), verified=False)
    if why != "unconfirmed":
        confirm(nora)
    signed_in(nora).post("/organizations/join/", {"organization": str(cast.halden.id)})
    assert membership(cast.maya, nora) is None
    with tenant(cast.halden.id):
        assert JoinRequest.objects.exists() is (why == "request")


def test_who_was_removed_does_not_come_back_by_their_address(cast: Cast) -> None:
    claim(cast)
    EmailAddress.objects.create(user=cast.priya.user, email=cast.priya.email, verified=False, primary=True)
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        member_remove(actor=cast.maya.actor, member_id=cast.priya.membership.id)
    confirm(cast.priya.user)
    cast.priya.client().post("/organizations/join/", {"organization": str(cast.halden.id)})
    assert membership(cast.maya, cast.priya.user) is None


@pytest.mark.parametrize("answer", ["accept", "decline"])
def test_somebody_asks_to_join_and_is_answered(cast: Cast, answer: str) -> None:
    claim(cast, JoinMode.REQUEST)
    nora = account("nora@halden.example")
    client = signed_in(nora)
    offers = client.get("/", follow=True).content.decode()
    assert "Ask to join" in offers
    for _again in range(2):
        client.post("/organizations/join/", {"organization": str(cast.halden.id), "role": "owner"})
    assert "You have asked" in client.get("/organizations/join/").content.decode()
    with tenant(cast.halden.id):
        asked = JoinRequest.objects.get()
    assert (
        "nora@halden.example"
        in cast.tomas.client().get(f"/o/{cast.halden.slug}/settings/invitations/").content.decode()
    )
    path = f"/o/{cast.halden.slug}/settings/requests/{asked.id}/answer/"
    assert cast.priya.client().post(path, {"answer": "accept"}).status_code == HTTPStatus.FORBIDDEN
    cast.tomas.client().post(path, {"answer": answer})
    found = membership(cast.maya, nora)
    assert (found.role if found else None) == ("member" if answer == "accept" else None)
    assert cast.tomas.client().post(path, {"answer": "accept"}).status_code == HTTPStatus.NOT_FOUND


def test_an_automatic_domain_is_offered_to_who_confirmed_before(cast: Cast) -> None:
    nora = account("nora@halden.example")
    claim(cast)
    client = signed_in(nora)
    assert "Halden &amp; Roe" in client.get("/organizations/join/").content.decode()
    client.post("/organizations/join/", {"organization": str(cast.halden.id)})
    assert membership(cast.maya, nora) is not None


def test_the_look_up_tells_ids_and_modes_of_verified_domains_only(cast: Cast) -> None:
    claim(cast, verified=False)

    def ask(sql: str) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    question = "SELECT * FROM email_domain_organizations('halden.example')"
    assert ask(question) == []
    with tenant(cast.halden.id):
        EmailDomain.objects.update(verified_at=db_now())
    assert ask(question) == [(cast.halden.id, "automatic")]
    assert ask("SELECT domain FROM accounts_emaildomain") == []  # the table itself stays closed


def test_anothers_domain_is_nothing_before_a_proof_is_asked_for(cast: Cast) -> None:
    path = f"/o/{cast.borealis.slug}/settings/domains/{claim(cast).id}/"
    for door in ("join/", "remove/", "check/"):
        assert cast.ines.client().post(path + door, {"join": "nothing"}).status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize(
    "text", ["", "example", "a b.com", "http://x.com/", "x@y.com", "1.2.3.4", "..", "a" * 70 + ".com"]
)
def test_what_is_no_domain_is_refused(text: str) -> None:
    with pytest.raises(BadDomain):
        domain_name(text)


def test_a_domain_is_stored_in_one_spelling(cast: Cast) -> None:
    assert domain_name(" @Halden.Example. ") == DOMAIN
    assert domain_name("bücher.example") == "xn--bcher-kva.example"
    claim(cast)
    again = post(cast, "", domain="HALDEN.example.", join="request")
    assert again.status_code == HTTPStatus.UNPROCESSABLE_ENTITY


def test_domains_are_the_admins_matter(cast: Cast) -> None:
    found = claim(cast)
    path = f"/o/{cast.halden.slug}/settings/domains/"
    client = cast.priya.client()
    for door in (path, f"{path}{found.id}/check/", f"{path}{found.id}/join/", f"{path}{found.id}/remove/"):
        assert client.post(door, {"domain": "x.example", "join": "automatic"}).status_code == HTTPStatus.FORBIDDEN
    post(cast, f"{found.id}/join/", join="nothing", verified_at="2026-01-01", organization=str(cast.borealis.id))
    assert row(cast).join == JoinMode.NOTHING
    post(cast, f"{found.id}/remove/")
    with tenant(cast.halden.id):
        assert not EmailDomain.objects.exists()


# Every day again ---------------------------------------------------------------------------------------------------


def later(cast: Cast) -> None:
    """As if the last look-up were more than a day ago."""
    with tenant(cast.halden.id):
        EmailDomain.objects.update(checked_at=F("checked_at") - timedelta(days=1.01))


def missing_for(cast: Cast, days: float) -> None:
    with tenant(cast.halden.id):
        EmailDomain.objects.update(missing_since=db_now(plus=-timedelta(days=days)))


@pytest.fixture
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accounts.services.domains.DOMAIN_GRACE", timedelta())


def a_day_goes_by(cast: Cast, workers: Workers) -> EmailDomain:
    later(cast)
    domains_look_again()
    workers.drain()
    return row(cast)


def verified(cast: Cast, workers: Workers, names: NameServer) -> EmailDomain:
    found = claim(cast, verified=False)
    names.records[DOMAIN] = [f"jarvis-verify={found.token}"]
    post(cast, f"{found.id}/check/")
    workers.jobs()
    return row(cast)


def gets_in(cast: Cast, email: str) -> bool:
    nora = account(email, verified=False)
    confirm(nora)
    return membership(cast.maya, nora) is not None


def told(person: Person) -> list[str]:
    """The titles of what is unread."""
    with tenant(person.organization.id):
        unread = Notification.objects.filter(member_id=person.membership.id, read_at=None).order_by("id")
        return list(unread.values_list("title", flat=True))


def domains_page(cast: Cast) -> str:
    return cast.tomas.client().get(f"/o/{cast.halden.slug}/settings/domains/").content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_verified_domain_is_looked_up_once_a_day(cast: Cast, workers: Workers, names: NameServer) -> None:
    verified(cast, workers, names)
    assert [domains_look_again(), len(names.asked)] == [0, 1]
    later(cast)
    assert [domains_look_again(), domains_look_again()] == [1, 0], "one look-up waits already"
    workers.jobs()
    assert len(names.asked) == 2
    assert domains_look_again() == 0
    assert told(cast.maya) == []


@pytest.mark.django_db(transaction=True)
def test_a_domain_that_was_never_verified_is_not_looked_up(cast: Cast, workers: Workers, names: NameServer) -> None:
    claim(cast, verified=False)
    later(cast)
    assert domains_look_again() == 0


@pytest.mark.django_db(transaction=True)
def test_one_miss_closes_nothing_and_the_administrators_are_told(
    cast: Cast, workers: Workers, names: NameServer
) -> None:
    verified(cast, workers, names)
    names.records[DOMAIN] = ["v=spf1 -all"]
    missing = a_day_goes_by(cast, workers)
    assert missing.verified_at is not None
    assert gets_in(cast, "nora@halden.example")
    a_day_goes_by(cast, workers)
    expected = [f"The DNS record of {DOMAIN} is gone"]
    assert (told(cast.maya), told(cast.tomas), told(cast.priya), told(cast.ines)) == (expected, expected, [], [])
    page = domains_page(cast)
    assert "Verified, but the record is gone" in page
    assert "The record has been gone since" in page
    assert f"jarvis-verify={missing.token}" in page
    names.records[DOMAIN] = [f"jarvis-verify={missing.token}"]
    assert a_day_goes_by(cast, workers).missing_since is None
    assert told(cast.maya) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("days", "is_open"), [(DOMAIN_GRACE.days - 0.01, True), (DOMAIN_GRACE.days + 0.01, False)])
def test_a_record_may_be_missing_for_as_long_as_the_page_says(
    cast: Cast, workers: Workers, names: NameServer, days: float, is_open: bool
) -> None:
    verified(cast, workers, names)
    del names.records[DOMAIN]
    a_day_goes_by(cast, workers)
    missing_for(cast, days)
    shown = row(cast)
    assert shown.lapses_at is not None
    assert date_format(shown.lapses_at, "j F") in domains_page(cast)
    assert (a_day_goes_by(cast, workers).verified_at is not None) is is_open


@pytest.mark.django_db(transaction=True)
def test_a_record_that_stays_away_closes_every_way_that_relies_on_it(
    cast: Cast, workers: Workers, names: NameServer, no_grace: None
) -> None:
    verified(cast, workers, names)
    del names.records[DOMAIN]
    a_day_goes_by(cast, workers)
    lapsed = a_day_goes_by(cast, workers)
    assert (lapsed.verified_at, lapsed.lapsed_at is None) == (None, False)
    assert not gets_in(cast, "nora@halden.example")
    asks = account("omar@halden.example")
    signed_in(asks).post("/organizations/join/", {"organization": str(cast.halden.id)})
    assert membership(cast.maya, asks) is None
    with tenant(cast.halden.id):
        assert not JoinRequest.objects.exists()
        assert not domain_is_ours("nora@halden.example")
        assert "domain.lapsed" in AuditEvent.objects.values_list("action", flat=True)
    assert told(cast.maya) == told(cast.tomas) == [f"{DOMAIN} does not open the organization any more"]
    assert "Record gone, lets nobody in" in domains_page(cast)


@pytest.mark.django_db(transaction=True)
def test_a_domain_that_lapsed_is_back_with_its_record(
    cast: Cast, workers: Workers, names: NameServer, no_grace: None
) -> None:
    token = verified(cast, workers, names).token
    names.records[DOMAIN] = []
    a_day_goes_by(cast, workers)
    a_day_goes_by(cast, workers)
    names.records[DOMAIN] = [f"jarvis-verify={token}"]
    back = a_day_goes_by(cast, workers)
    assert (back.lapsed_at, back.missing_since, back.verified_at is None) == (None, None, False)
    assert gets_in(cast, "nora@halden.example")
    assert told(cast.maya) == []
    with tenant(cast.halden.id):
        rows = AuditEvent.objects.filter(action__startswith="domain.").order_by("id")
        done = list(rows.values_list("action", flat=True))
        again = AuditEvent.objects.filter(action="domain.verified").latest("id").details["again"]
    assert done[1:] == ["domain.verified", "domain.record_missing", "domain.lapsed", "domain.verified"]
    assert again is True


@pytest.mark.django_db(transaction=True)
def test_that_no_name_server_answers_is_no_miss(
    cast: Cast, workers: Workers, names: NameServer, no_grace: None
) -> None:
    verified(cast, workers, names)
    names.silent = True
    for _day in range(3):
        silent = a_day_goes_by(cast, workers)
        assert (silent.missing_since, silent.verified_at is None) == (None, False)
    with tenant(cast.halden.id):
        assert not Job.objects.exists(), "tomorrow is another day"
    assert told(cast.maya) == []


@pytest.mark.django_db(transaction=True)
def test_a_timeout_is_no_miss_either(
    cast: Cast, workers: Workers, names: NameServer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified(cast, workers, names)
    monkeypatch.setattr("accounts.services.domains.LOOK_UP_SECONDS", 0.2)
    with socket(AF_INET, SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        settings.DNS_SERVERS = ["{}:{}".format(*deaf.getsockname())]
        silent = a_day_goes_by(cast, workers)
    assert (silent.missing_since, silent.verified_at is None) == (None, False)
    assert "No name server answers" in silent.problem
