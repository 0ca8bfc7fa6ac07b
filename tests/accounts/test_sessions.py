"""Where somebody is signed in: the list, ending one, ending all, and what that does to open sockets, at once."""

import time
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.contrib.sessions.models import Session
from django.db import transaction
from django.test import Client

from accounts.contracts import Role
from accounts.events import MembershipChanged, MembershipEnded
from accounts.models import Membership, Organization, User
from accounts.selectors import membership_get
from accounts.selectors.sessions import device_name
from accounts.services.members import member_add, member_suspend
from accounts.services.organizations import organization_create
from accounts.services.sessions import session_seen
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel import realtime
from jarvis_site.kernel.events import publish
from jarvis_site.kernel.realtime import CLOSE_COME_AGAIN, CLOSE_SIGN_IN, CLOSE_STRANGER
from jarvis_site.kernel.tenancy import tenant
from tests.accounts.signing import FIREFOX, IPHONE, browser, forget_limits, lives
from tests.cast import PASSWORD, Cast, Person
from tests.engine import Workers
from tests.kernel.sockets import Socket, opened

pytestmark = pytest.mark.django_db
# What is said to sockets is said after a commit.
committed = pytest.mark.django_db(transaction=True)

# The promise is a second; a test machine is busy with other things as well.
AT_ONCE_SECONDS = 1.0
SESSIONS = "/account/sessions/"


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


def stop_path(client: Client) -> str:
    """Where the list's first button to sign another browser out leads."""
    page = client.get(SESSIONS).content.decode()
    return page.split('action="/account/sessions/', 1)[1].join(["/account/sessions/", ""]).split('"')[0]


def test_the_list_says_where_and_since_when(cast: Cast) -> None:
    here = browser(cast.priya)
    browser(cast.priya, IPHONE, "198.51.100.7")
    browser(cast.maya)
    page = here.get(SESSIONS).content.decode()
    for shown in ("Firefox on Windows", "This browser", "192.0.2.1", "Safari on iOS", "198.51.100.7", "last seen"):
        assert shown in page
    assert page.count('class="row"') == 2
    assert page.index("This browser") < page.index("Safari on iOS")
    assert "Safari on iOS" in here.get(f"/o/{cast.priya.slug}/settings/security/").content.decode()


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (FIREFOX, "Firefox on Windows"),
        ("", "Unknown device"),
        ("curl/8.9", "Unknown device"),
        ("<script>alert(1)</script>", "Unknown device"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Linux"),
    ],
)
def test_a_device_is_named_in_words(agent: str, name: str) -> None:
    assert device_name(agent) == name


def test_one_browser_is_signed_out_and_the_others_stay(cast: Cast) -> None:
    here, there = browser(cast.priya), browser(cast.priya, IPHONE)
    assert here.post(stop_path(here)).headers["Location"] == SESSIONS
    assert (lives(here, cast.priya), lives(there, cast.priya)) == (True, False)
    assert "Safari on iOS" not in here.get(SESSIONS).content.decode()


def test_the_session_of_somebody_else_is_not_there_to_end(cast: Cast) -> None:
    here, there = browser(cast.priya), browser(cast.priya, IPHONE)
    stranger = browser(cast.maya)
    assert stranger.post(stop_path(here)).status_code == HTTPStatus.NOT_FOUND
    assert lives(there, cast.priya)


def test_signing_out_everywhere_ends_all_and_this_one(cast: Cast) -> None:
    here, there, maya = browser(cast.priya), browser(cast.priya, IPHONE), browser(cast.maya)
    assert here.post("/account/sessions/end/").headers["Location"] == "/account/login/"
    assert (lives(here, cast.priya), lives(there, cast.priya), lives(maya, cast.maya)) == (False, False, True)


@pytest.mark.parametrize("with_reset", [False, True])
def test_a_new_password_signs_all_other_browsers_out(
    cast: Cast, workers: Workers, with_reset: bool, mailoutbox: list[object]
) -> None:
    here, there = browser(cast.priya), browser(cast.priya, IPHONE)
    new = "another long password"
    if with_reset:
        here = Client()
        here.post("/account/password/reset/", {"email": cast.priya.email})
        workers.mails()
        link = next(word for word in str(mailoutbox[-1].body).split() if "/reset/key/" in word)  # type: ignore[attr-defined]
        form = here.get("/" + link.split("/", 3)[3], follow=True).redirect_chain[-1][0]
        here.post(form, {"password1": new, "password2": new})
    else:
        here.post("/account/reauthenticate/", {"password": PASSWORD})
        fields = {"oldpassword": PASSWORD, "password1": new, "password2": new}
        here.post("/account/password/change/", fields)
        assert lives(here, cast.priya)
    assert not lives(there, cast.priya)
    assert Session.objects.count() <= 2  # nothing stays of the other browser's


def test_an_admin_ends_the_sessions_of_a_member_here_and_nowhere_else(cast: Cast) -> None:
    organization = organization_create(name="Kestrel Maps", owner=cast.priya.user)
    priya, tomas = browser(cast.priya), browser(cast.tomas)
    path = f"/o/{cast.tomas.slug}/settings/members/{cast.priya.membership.id}/sessions/end/"
    assert tomas.post(path).status_code == HTTPStatus.FOUND
    assert priya.get(f"/o/{cast.priya.slug}/chat/").headers["Location"].startswith("/account/prove/")
    assert priya.get(f"/o/{organization.slug}/chat/").status_code == HTTPStatus.OK
    with tenant(cast.halden.id):
        assert AuditEvent.objects.filter(action="sessions.ended").exists()
    priya.post("/account/reauthenticate/", {"password": PASSWORD})
    assert lives(priya, cast.priya)


def test_a_member_ends_nobodys_sessions_and_an_admin_none_of_another_organization(cast: Cast) -> None:
    maya, karim = browser(cast.maya), browser(cast.karim)
    path = f"/o/{cast.priya.slug}/settings/members/{cast.maya.membership.id}/sessions/end/"
    assert browser(cast.priya).post(path).status_code == HTTPStatus.FORBIDDEN
    foreign = f"/o/{cast.tomas.slug}/settings/members/{cast.karim.membership.id}/sessions/end/"
    assert browser(cast.tomas).post(foreign).status_code == HTTPStatus.NOT_FOUND
    assert lives(maya, cast.maya)
    assert lives(karim, cast.karim)


def test_a_session_that_ended_meanwhile_is_not_brought_back(cast: Cast) -> None:
    """Keeping in mind that somebody was seen must not write a session that is gone."""
    client = browser(cast.priya)
    Organization.objects.filter(id=cast.halden.id).update(idle_minutes=15)
    stale = client.session
    Session.objects.all().delete()
    session_seen(session=stale, membership=membership_get(user=cast.priya.user, slug=cast.priya.slug))
    assert Session.objects.count() == 0


# Open sockets ---------------------------------------------------------------------------------------------------


async def follow(socket: Socket, person: Person) -> str:
    topic = f"inbox:{person.membership.id}"
    assert (await socket.ask({"type": "subscribe", "topic": topic}))["type"] == "subscribed"
    return topic


async def closes(socket: Socket, topic: str, code: int, begun: float) -> None:
    """The socket closes before it says anything more, although something is said on its topic at once."""
    await sync_to_async(realtime.publish)(topic, {"type": "secret"})
    assert await socket.closed() == code
    assert time.monotonic() - begun < AT_ONCE_SECONDS


@committed
async def test_the_end_of_a_membership_closes_its_sockets_at_once(cast: Cast) -> None:
    def suspend() -> float:
        with tenant(cast.halden.id, member=cast.tomas.membership.id):
            member_suspend(actor=cast.tomas.actor, member_id=cast.priya.membership.id)
        return time.monotonic()

    async with opened(cast.priya, cast.priya.slug) as socket, opened(cast.maya, cast.maya.slug) as other:
        topic, others_topic = await follow(socket, cast.priya), await follow(other, cast.maya)
        await closes(socket, topic, CLOSE_STRANGER, await sync_to_async(suspend)())
        await sync_to_async(realtime.publish)(others_topic, {"type": "news"})
        assert (await other.next())["type"] == "news"


@committed
async def test_a_change_of_rights_makes_the_page_come_again(cast: Cast) -> None:
    def change() -> float:
        with tenant(cast.halden.id), transaction.atomic():
            Membership.objects.filter(id=cast.priya.membership.id).update(role=Role.AUDITOR)
            publish(MembershipChanged(member_id=cast.priya.membership.id, user_id=cast.priya.user.id))
        return time.monotonic()

    async with opened(cast.priya, cast.priya.slug) as socket:
        topic = await follow(socket, cast.priya)
        await closes(socket, topic, CLOSE_COME_AGAIN, await sync_to_async(change)())


@committed
async def test_nothing_closes_for_what_is_rolled_back(cast: Cast) -> None:
    def change_your_mind() -> None:
        with tenant(cast.halden.id), transaction.atomic():
            publish(MembershipEnded(member_id=cast.priya.membership.id, user_id=cast.priya.user.id, how="left"))
            transaction.set_rollback(True)
        realtime.publish(f"inbox:{cast.priya.membership.id}", {"type": "still here"})

    async with opened(cast.priya, cast.priya.slug) as socket:
        await follow(socket, cast.priya)
        await sync_to_async(change_your_mind)()
        assert (await socket.next())["type"] == "still here"


@committed
async def test_the_end_of_a_session_closes_its_own_sockets_only(cast: Cast) -> None:
    async with opened(cast.priya, cast.priya.slug) as socket:
        topic = await follow(socket, cast.priya)
        mine = await sync_to_async(lambda: list(Session.objects.values_list("session_key", flat=True)))()
        async with opened(cast.priya, cast.priya.slug) as other:
            await follow(other, cast.priya)

            def end() -> float:
                Session.objects.get(session_key=mine[0]).delete()
                return time.monotonic()

            await closes(socket, topic, CLOSE_SIGN_IN, await sync_to_async(end)())
            assert (await other.next())["type"] == "secret"


@committed
async def test_an_admin_who_ends_sessions_closes_the_sockets_here(cast: Cast) -> None:
    path = f"/o/{cast.tomas.slug}/settings/members/{cast.priya.membership.id}/sessions/end/"

    def end() -> float:
        cast.tomas.client().post(path)
        return time.monotonic()

    async with opened(cast.priya, cast.priya.slug) as socket:
        topic = await follow(socket, cast.priya)
        await closes(socket, topic, CLOSE_SIGN_IN, await sync_to_async(end)())
    async with opened(cast.priya, cast.priya.slug) as again:
        assert await again.closed() == CLOSE_SIGN_IN


@committed
async def test_closing_overtakes_what_waits_to_be_sent(cast: Cast) -> None:
    """Under load thousands of frames may wait in the process that takes the right away."""

    def flood() -> float:
        for number in range(5000):
            realtime.publish(f"chat:{cast.maya.membership.id}", {"type": "noise", "n": number, "text": "x" * 500})
        publish_end()
        return time.monotonic()

    def publish_end() -> None:
        with transaction.atomic(), tenant(cast.halden.id):
            publish(MembershipEnded(member_id=cast.priya.membership.id, user_id=cast.priya.user.id, how="left"))

    async with opened(cast.priya, cast.priya.slug) as socket:
        topic = await follow(socket, cast.priya)
        await closes(socket, topic, CLOSE_STRANGER, await sync_to_async(flood)())


@committed
async def test_a_socket_keeps_to_the_rules_for_signing_in(cast: Cast) -> None:
    await sync_to_async(Organization.objects.filter(id=cast.halden.id).update)(mfa_required=True)
    async with opened(cast.priya, cast.priya.slug) as socket:
        assert await socket.closed() == CLOSE_SIGN_IN


@committed
async def test_an_open_socket_notices_that_its_session_is_gone_even_when_nobody_says_so(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message that closes sockets may be lost with Valkey; then the next look finds it out."""
    monkeypatch.setattr("jarvis_site.kernel.realtime.consumer.SESSION_RECHECK_SECONDS", 0.0)
    monkeypatch.setattr("jarvis_site.kernel.realtime.consumer.RECHECK_SECONDS", 0.0)
    async with opened(cast.priya, cast.priya.slug) as socket:
        topic = await follow(socket, cast.priya)
        await sync_to_async(lambda: Session.objects.all()._raw_delete("default"))()
        await sync_to_async(realtime.publish)(topic, {"type": "secret"})
        assert await socket.closed() == CLOSE_SIGN_IN


@committed
async def test_a_changed_password_is_noticed_by_sockets_that_heard_nothing(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jarvis_site.kernel.realtime.consumer.RECHECK_SECONDS", 0.0)
    async with opened(cast.priya, cast.priya.slug) as socket:
        topic = await follow(socket, cast.priya)
        await sync_to_async(User.objects.filter(pk=cast.priya.user.pk).update)(password="another")
        await sync_to_async(realtime.publish)(topic, {"type": "secret"})
        assert await socket.closed() == CLOSE_SIGN_IN


@committed
async def test_a_person_with_two_memberships_loses_the_sockets_of_one(cast: Cast) -> None:
    def join() -> None:
        member_add(organization=cast.borealis, user=cast.priya.user)

    def end() -> float:
        with transaction.atomic(), tenant(cast.halden.id):
            publish(MembershipEnded(member_id=cast.priya.membership.id, user_id=cast.priya.user.id, how="removed"))
        return time.monotonic()

    await sync_to_async(join)()
    async with opened(cast.priya, cast.halden.slug) as here, opened(cast.priya, cast.borealis.slug) as there:
        topic = await follow(here, cast.priya)
        await closes(here, topic, CLOSE_STRANGER, await sync_to_async(end)())
        assert await there.ask({"type": "ping"}) == {"type": "pong"}
