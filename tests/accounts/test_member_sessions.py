"""What an organization's admins see of the browsers in which members were active here, and the end of a single one."""

import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from http import HTTPStatus

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from accounts.contracts import Role
from accounts.models import MemberSession, Membership, Organization, User
from accounts.selectors import membership_get
from accounts.services.members import member_add
from accounts.services.organizations import organization_create
from accounts.services.sessions import KEPT_DAYS, MOST_ENDED, member_session_end, session_seen
from accounts.sign_in import SEEN
from accounts.tasks import start_clean_ups
from jarvis_site.audit.models import AuditEvent
from jarvis_site.audit.selectors import with_words
from jarvis_site.kernel import realtime
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.realtime import CLOSE_SIGN_IN
from jarvis_site.kernel.tenancy import tenant
from tests.accounts.data import *  # noqa: F403 - a fixture
from tests.accounts.data import ask, fetch, rows, the_copy, unpacked
from tests.accounts.signing import FIREFOX, IPHONE, browser, forget_limits, lives
from tests.cast import PASSWORD, Cast, Person
from tests.engine import Workers
from tests.kernel.sockets import Socket, opened

pytestmark = pytest.mark.django_db
committed = pytest.mark.django_db(transaction=True)

AT_ONCE_SECONDS = 1.0
ADDRESS = "198.51.100.7"
# At the door three, of the member and their teams three, the role's choices; the browsers, and which are signed in.
PAGE_QUERIES = 12
# As for every list of the administration.
LIST_QUERIES = 8


@pytest.fixture(autouse=True)
def limits() -> Iterator[None]:
    forget_limits()
    yield
    forget_limits()


@pytest.fixture(autouse=True)
async def layer() -> AsyncIterator[None]:
    """The layer holds connections for this test's event loop."""
    yield
    channel_layer = get_channel_layer()
    assert channel_layer is not None
    await channel_layer.flush()


def here(person: Person, agent: str = FIREFOX, address: str = ADDRESS) -> Client:
    """A browser in which the person has just been active in their organization."""
    client = browser(person, agent, address)
    assert lives(client, person)
    return client


def session_of(person: Person, agent: str = FIREFOX, organization: Organization | None = None) -> MemberSession:
    with tenant((organization or person.organization).id):
        return MemberSession.objects.get(member__user=person.user, user_agent=agent)


def ending(person: Person, session: MemberSession) -> str:
    """The address with which somebody of the organization ends a session."""
    return f"/o/{person.slug}/settings/sessions/{session.id}/end/"


def end(admin: Person, session: MemberSession) -> None:
    assert admin.client().post(ending(admin, session)).status_code == HTTPStatus.FOUND


def member_page(admin: Person, person: Person) -> str:
    path = f"/o/{admin.slug}/settings/members/{person.membership.id}/"
    return admin.client().get(path).content.decode()


def prove(client: Client) -> None:
    client.post("/account/reauthenticate/", {"password": PASSWORD})


# What is kept -----------------------------------------------------------------------------------------------------


def test_an_admin_sees_with_what_and_from_where_a_member_was_here(cast: Cast) -> None:
    assert "not here within the last 30 days" in member_page(cast.tomas, cast.priya)
    here(cast.priya)
    here(cast.priya, IPHONE, "2001:db8::7")
    here(cast.maya, address="192.0.2.99")
    shown = member_page(cast.tomas, cast.priya)
    for words in ("Firefox on Windows", "Safari on iOS", ADDRESS, "2001:db8::7", "last seen"):
        assert words in shown
    assert "192.0.2.99" not in shown
    assert shown.count("/settings/sessions/") == 2


def test_each_organization_sees_what_was_done_there(cast: Cast) -> None:
    other = organization_create(name="Kestrel Maps", owner=cast.priya.user)
    client = here(cast.priya)
    with tenant(other.id):
        assert not MemberSession.objects.exists()
    assert client.get(f"/o/{other.slug}/chat/").status_code == HTTPStatus.OK
    first, second = session_of(cast.priya), session_of(cast.priya, organization=other)
    assert first.id != second.id
    assert first.browser == second.browser


def test_most_requests_write_nothing(cast: Cast) -> None:
    client = here(cast.priya)
    before = session_of(cast.priya)
    with CaptureQueriesContext(connection) as asked:
        client.get(f"/o/{cast.priya.slug}/counts/")
    assert not [query for query in asked.captured_queries if query["sql"].startswith(("INSERT", "UPDATE"))]
    session = client.session
    session[SEEN] = {name: at - 400 for name, at in session[SEEN].items()}
    session.save()
    client.get(f"/o/{cast.priya.slug}/chat/", REMOTE_ADDR="192.0.2.55")
    after = session_of(cast.priya)
    assert (after.id, after.first_seen, after.address) == (before.id, before.first_seen, "192.0.2.55")
    assert after.last_seen >= before.last_seen


def test_the_key_of_a_session_is_in_no_table_of_the_organization(cast: Cast) -> None:
    client = here(cast.priya)
    with tenant(cast.halden.id):
        told = str([list(MemberSession.objects.values()), list(Membership.objects.values())])
    assert str(client.session.session_key) not in told


def test_what_a_browser_says_about_itself_is_cut_and_shown_as_text(cast: Cast) -> None:
    here(cast.priya, "<b>Firefox/</b>" + "x" * 5000)
    with tenant(cast.halden.id):
        assert len(MemberSession.objects.get().user_agent) == 300
    shown = cast.tomas.client().get(f"/o/{cast.tomas.slug}/admin/accounts/membersession/").content.decode()
    assert "<b>Firefox" not in shown


def test_a_session_that_is_over_is_shown_as_signed_out(cast: Cast) -> None:
    client = here(cast.priya)
    client.post("/account/logout/")
    shown = member_page(cast.tomas, cast.priya)
    assert "Signed out" in shown
    assert "/settings/sessions/" not in shown


def test_a_new_password_keeps_the_browser_in_which_it_was_chosen(cast: Cast) -> None:
    """The session has another key then, and is the same browser."""
    client, other = here(cast.priya), here(cast.priya, IPHONE)
    prove(client)
    fields = {"oldpassword": PASSWORD, "password1": "another long password", "password2": "another long password"}
    client.post("/account/password/change/", fields)
    assert (lives(client, cast.priya), lives(other, cast.priya)) == (True, False)
    shown = member_page(cast.tomas, cast.priya)
    assert shown.count("/settings/sessions/") == shown.count("Signed out") == 1
    with tenant(cast.halden.id):
        assert MemberSession.objects.count() == 2


@committed
def test_what_nobody_used_for_a_month_is_forgotten(cast: Cast) -> None:
    client, other = here(cast.priya), here(cast.priya, IPHONE)
    end(cast.tomas, session_of(cast.priya))
    with tenant(cast.halden.id):
        long_ago = db_now(plus=-timedelta(days=KEPT_DAYS, minutes=1))
        MemberSession.objects.filter(user_agent=FIREFOX).update(last_seen=long_ago)
    start_clean_ups()
    with tenant(cast.halden.id):
        assert [row.user_agent for row in MemberSession.objects.all()] == [IPHONE]
    assert (lives(client, cast.priya), lives(other, cast.priya)) == (False, True)


# Ending one -------------------------------------------------------------------------------------------------------


def test_one_browser_is_ended_and_the_others_stay(cast: Cast) -> None:
    laptop, phone, maya = here(cast.priya), here(cast.priya, IPHONE), here(cast.maya)
    session = session_of(cast.priya)
    assert ending(cast.tomas, session) in member_page(cast.tomas, cast.priya)
    answer = cast.tomas.client().post(ending(cast.tomas, session), follow=True).content.decode()
    assert "have to sign in again in that browser" in answer
    assert "Ended" in answer
    assert laptop.get(f"/o/{cast.priya.slug}/chat/").headers["Location"].startswith("/account/prove/")
    api = laptop.get(f"/api/v1/o/{cast.priya.slug}/runs/")
    assert (api.status_code, api.json()["code"]) == (HTTPStatus.FORBIDDEN, "sign_in_again")
    assert (lives(phone, cast.priya), lives(maya, cast.maya)) == (True, True)


def test_in_another_organization_the_session_goes_on(cast: Cast) -> None:
    other = organization_create(name="Kestrel Maps", owner=cast.priya.user)
    client = here(cast.priya)
    end(cast.tomas, session_of(cast.priya))
    assert not lives(client, cast.priya)
    assert client.get(f"/o/{other.slug}/chat/").status_code == HTTPStatus.OK
    assert client.get("/account/sessions/").status_code == HTTPStatus.OK
    assert session_of(cast.priya, organization=other).ended_at is None


def test_a_request_that_writes_the_session_back_as_it_was_changes_nothing(cast: Cast) -> None:
    client = here(cast.priya)
    stale = client.session
    stale["note"] = "of a request that began before the ending"
    end(cast.tomas, session_of(cast.priya))
    stale.save()
    assert client.session["note"]
    assert not lives(client, cast.priya)


def test_a_request_that_passed_the_door_just_before_does_not_undo_what_is_shown(cast: Cast) -> None:
    client = here(cast.priya)
    membership = membership_get(user=cast.priya.user, slug=cast.priya.slug)
    stale = client.session
    stale[SEEN] = {}
    end(cast.tomas, session_of(cast.priya))
    session_seen(session=stale, membership=membership)
    assert session_of(cast.priya).ended_at is not None
    assert not lives(client, cast.priya)


def test_a_new_key_of_the_session_does_not_undo_it(cast: Cast) -> None:
    """The password was shown before the ending; choosing another afterwards gives the session a new key."""
    client = here(cast.priya)
    prove(client)
    end(cast.tomas, session_of(cast.priya))
    before = client.session.session_key
    fields = {"oldpassword": PASSWORD, "password1": "another long password", "password2": "another long password"}
    client.post("/account/password/change/", fields)
    assert client.session.session_key != before
    assert not lives(client, cast.priya)


def test_a_session_older_than_the_mark_is_ended_as_well(cast: Cast) -> None:
    client = browser(cast.priya)
    session = client.session
    del session["browser"]
    session.save()
    assert lives(client, cast.priya)
    end(cast.tomas, session_of(cast.priya))
    session.save()
    assert not lives(client, cast.priya)


@pytest.mark.parametrize("anew", [False, True])
def test_signing_in_again_lets_the_person_in(cast: Cast, anew: bool) -> None:
    client = here(cast.priya)
    session = session_of(cast.priya)
    end(cast.tomas, session)
    if anew:
        client.post("/account/logout/")
        client.post("/account/login/", {"login": cast.priya.email, "password": PASSWORD})
    else:
        prove(client)
    assert lives(client, cast.priya)
    shown = member_page(cast.tomas, cast.priya)
    assert shown.count("/settings/sessions/") == 1
    if not anew:
        assert session_of(cast.priya).ended_at is None
        end(cast.tomas, session)
        assert not lives(client, cast.priya)


def test_all_of_them_are_still_ended_at_once(cast: Cast) -> None:
    clients = [here(cast.priya), here(cast.priya, IPHONE)]
    end(cast.tomas, session_of(cast.priya))
    cast.tomas.client().post(f"/o/{cast.tomas.slug}/settings/members/{cast.priya.membership.id}/sessions/end/")
    assert not any(lives(client, cast.priya) for client in clients)
    assert member_page(cast.tomas, cast.priya).count(">Ended<") == 2


def test_however_many_are_ended_all_stay_ended(cast: Cast) -> None:
    """Those that do not fit end all sessions that are as old."""
    first = here(cast.priya)
    end(cast.tomas, session_of(cast.priya))
    with tenant(cast.halden.id, member=cast.tomas.membership.id):
        for number in range(MOST_ENDED):
            row = MemberSession.objects.create(member=cast.priya.membership, browser=f"b{number}")
            member_session_end(actor=cast.tomas.actor, session_id=row.id)
        assert len(Membership.objects.get(id=cast.priya.membership.id).ended_sessions) == MOST_ENDED
    assert not lives(first, cast.priya)
    assert lives(browser(cast.priya), cast.priya)


def test_it_is_put_on_record_without_words_about_the_device(cast: Cast) -> None:
    here(cast.priya)
    session = session_of(cast.priya)
    end(cast.tomas, session)
    with tenant(cast.halden.id):
        event = AuditEvent.objects.get(action="session.ended")
        words = str(with_words([event]))
    assert (event.resource_type, event.resource_id) == ("accounts.membership", str(cast.priya.membership.id))
    assert event.member_id == cast.tomas.membership.id
    assert event.details == {"session": str(session.id)}
    assert ADDRESS not in words


# Who may ----------------------------------------------------------------------------------------------------------


def test_a_member_ends_nobodys_and_sees_nobodys(cast: Cast) -> None:
    client, maya = browser(cast.priya), here(cast.maya)
    session = session_of(cast.maya)
    assert client.post(ending(cast.priya, session)).status_code == HTTPStatus.FORBIDDEN
    assert ADDRESS not in member_page(cast.priya, cast.maya)
    assert client.get(f"/o/{cast.priya.slug}/admin/accounts/membersession/").status_code != HTTPStatus.OK
    assert lives(maya, cast.maya)


def test_ids_of_another_organization_are_not_there(cast: Cast) -> None:
    karim = here(cast.karim)
    session = session_of(cast.karim)
    admin = cast.tomas.client(proven=True)
    assert admin.post(ending(cast.tomas, session)).status_code == HTTPStatus.NOT_FOUND
    assert admin.post(ending(cast.karim, session)).status_code == HTTPStatus.NOT_FOUND
    pages = f"/o/{cast.tomas.slug}/admin/accounts/membersession/"
    admin.post(pages, {"action": "end_here", "_selected_action": str(session.id)}, follow=True)
    assert ADDRESS not in admin.get(f"{pages}{session.id}/change/", follow=True).content.decode()
    assert ADDRESS not in admin.get(pages, {"q": "karim"}).content.decode()
    assert lives(karim, cast.karim)


def test_the_administration_lists_finds_and_ends_them(cast: Cast) -> None:
    laptop, phone = here(cast.priya), here(cast.priya, IPHONE, "192.0.2.200")
    admin, pages = cast.tomas.client(proven=True), f"/o/{cast.tomas.slug}/admin/accounts/membersession/"
    session = session_of(cast.priya)
    shown = admin.get(pages).content.decode()
    for words in ("Firefox on Windows", "Safari on iOS", ADDRESS, "signed in", "Priya Raman"):
        assert words in shown
    for search, others in (("iPhone", FIREFOX), ("192.0.2.2", ADDRESS), ("priya", "Maya")):
        found = admin.get(pages, {"q": search}).content.decode()
        assert "Safari on iOS" in found
        assert others not in found
    done = admin.post(pages, {"action": "end_here", "_selected_action": str(session.id)}, follow=True)
    assert "1 session is ended." in done.content.decode()
    assert (lives(laptop, cast.priya), lives(phone, cast.priya)) == (False, True)
    assert "Safari on iOS" not in admin.get(pages, {"state": "ended"}).content.decode()
    assert "Firefox on Windows" not in admin.get(pages, {"state": "live"}).content.decode()
    one = admin.get(f"{pages}{session.id}/change/").content.decode()
    assert "ended here" in one
    assert session.browser not in one
    assert admin.post(f"{pages}{session.id}/change/", {"address": "192.0.2.1"}).status_code == HTTPStatus.FORBIDDEN


def test_lists_cost_the_same_however_many_there_are(
    cast: Cast, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    admin = cast.tomas.client()
    root = f"/o/{cast.tomas.slug}"
    member, pages = f"{root}/settings/members/{cast.priya.membership.id}/", f"{root}/admin/accounts/membersession/"
    for number in range(8):
        user = User.objects.create_user(f"p{number}@example.com", PASSWORD, name=f"P{number}")
        member_add(organization=cast.halden, user=user, role=Role.MEMBER)
        with tenant(cast.halden.id):
            MemberSession.objects.create(member=Membership.objects.get(user=user), browser="x", user_agent=FIREFOX)
            MemberSession.objects.create(member=cast.priya.membership, browser=f"x{number}", user_agent=FIREFOX)
    with django_assert_max_num_queries(PAGE_QUERIES):
        assert admin.get(member).content.decode().count("Firefox on Windows") == 8
    with django_assert_max_num_queries(LIST_QUERIES):
        assert admin.get(pages).content.decode().count("Firefox on Windows") == 16


# Sockets ----------------------------------------------------------------------------------------------------------


@committed
async def test_open_sockets_of_the_ended_browser_close_at_once_and_the_others_stay(cast: Cast) -> None:
    """Those of the same browser in another organization, and of the member's other browser."""
    elsewhere = await sync_to_async(organization_create)(name="Kestrel Maps", owner=cast.priya.user)
    laptop, phone = await sync_to_async(here)(cast.priya), await sync_to_async(here)(cast.priya, IPHONE)
    session = await sync_to_async(session_of)(cast.priya)

    def ended() -> float:
        end(cast.tomas, session)
        return time.monotonic()

    async with (
        opened(laptop, cast.priya.slug) as socket,
        opened(laptop, elsewhere.slug) as there,
        opened(phone, cast.priya.slug) as other,
    ):
        topic = await follow(socket, cast.priya)
        await follow(other, cast.priya)
        await there.ask({"type": "ping"})
        begun = await sync_to_async(ended)()
        await sync_to_async(realtime.publish)(topic, {"type": "secret"})
        assert await socket.closed() == CLOSE_SIGN_IN
        assert time.monotonic() - begun < AT_ONCE_SECONDS
        assert (await other.next())["type"] == "secret"
        assert await there.ask({"type": "ping"}) == {"type": "pong"}
    async with opened(laptop, cast.priya.slug) as again:
        assert await again.closed() == CLOSE_SIGN_IN
    async with opened(phone, cast.priya.slug) as again:
        await follow(again, cast.priya)


@committed
async def test_a_socket_that_heard_nothing_of_it_notices(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message that closes sockets may be lost with Valkey; then the next look finds it out."""
    monkeypatch.setattr("jarvis_site.kernel.realtime.consumer.RECHECK_SECONDS", 0.0)
    monkeypatch.setattr("jarvis_site.kernel.realtime.evict_browser", lambda **_given: None)
    laptop = await sync_to_async(here)(cast.priya)
    session = await sync_to_async(session_of)(cast.priya)
    async with opened(laptop, cast.priya.slug) as socket:
        topic = await follow(socket, cast.priya)
        await sync_to_async(end)(cast.tomas, session)
        await sync_to_async(realtime.publish)(topic, {"type": "secret"})
        assert await socket.closed() == CLOSE_SIGN_IN


async def follow(socket: Socket, person: Person) -> str:
    topic = f"inbox:{person.membership.id}"
    assert (await socket.ask({"type": "subscribe", "topic": topic}))["type"] == "subscribed"
    return topic


# Data rights ------------------------------------------------------------------------------------------------------


@committed
def test_a_person_takes_along_where_they_were_seen_and_nothing_that_finds_the_session(
    cast: Cast, workers: Workers
) -> None:
    client = here(cast.priya)
    here(cast.maya, IPHONE, "192.0.2.99")
    ask(cast.priya, str(cast.priya.membership.id))
    workers.drain()
    files = unpacked(fetch(cast.priya.client(proven=True), cast.priya, the_copy(cast.priya)))
    seen = rows(files, "accounts/membersession")
    assert {row["address"] for row in seen} >= {ADDRESS}
    assert "192.0.2.99" not in str(seen)
    everything = "".join(files.values())
    assert str(client.session["browser"]) not in everything
    assert client.cookies[settings.SESSION_COOKIE_NAME].value not in everything


@committed
def test_with_a_person_goes_where_they_were_seen(cast: Cast, workers: Workers) -> None:
    here(cast.priya)
    here(cast.maya)
    path = f"/o/{cast.maya.slug}/settings/data/erase/{cast.priya.membership.id}/"
    cast.maya.client(proven=True).post(path, {"address": cast.priya.email})
    workers.drain()
    with tenant(cast.halden.id):
        assert not MemberSession.objects.filter(member=cast.priya.membership.id).exists()
        assert MemberSession.objects.filter(member=cast.maya.membership.id).exists()
