"""What an organization asks of sessions: pages, API and sockets keep to it, and nobody locks themselves out."""

import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import Organization
from accounts.sign_in import SEEN
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel.tenancy import tenant
from tests.accounts.signing import SECOND, Phone, forget_limits, set_up_app, sign_in
from tests.cast import PASSWORD, Cast, Person

pytestmark = pytest.mark.django_db

# Session, person, membership with organization, and the two counts.
COUNTS_QUERIES = 5
NOTHING = {"idle_minutes": "", "session_hours": ""}


@pytest.fixture(autouse=True)
def limits() -> Iterator[None]:
    forget_limits()
    yield
    forget_limits()


@pytest.fixture
def phone(monkeypatch: pytest.MonkeyPatch) -> Phone:
    phone = Phone()
    monkeypatch.setattr("allauth.mfa.totp.internal.auth.yield_hotp_counters_from_time", phone.counters)
    return phone


def rule(cast: Cast, **values: Any) -> None:
    Organization.objects.filter(id=cast.halden.id).update(**values)


def signed_in(person: Person) -> Client:
    client = Client()
    sign_in(client, person.email)
    return client


def aged(client: Client, *, hours: float) -> None:
    """As if the session had begun so long ago, and nothing had been done in it since."""
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] -= hours * 3600
    session[SEEN] = {name: at - hours * 3600 for name, at in session[SEEN].items()}
    session.save()


def page(person: Person, path: str = "chat/") -> str:
    return f"/o/{person.slug}/{path}"


def code(client: Client, person: Person) -> str:
    answer = client.get(f"/api/v1/o/{person.slug}/runs/")
    return answer.json()["code"] if answer.status_code == HTTPStatus.FORBIDDEN else str(answer.status_code)


def test_who_has_no_second_factor_is_led_to_setting_one_up(cast: Cast) -> None:
    rule(cast, mfa_required=True)
    client = signed_in(cast.priya)
    led = client.get(page(cast.priya), follow=True)
    assert led.redirect_chain[0][0] == "/account/second-factor/?next=%2Fo%2Fhalden-roe%2Fchat%2F"
    assert "A second factor, please" in led.content.decode()
    assert code(client, cast.priya) == "second_factor_required"
    assert client.post(page(cast.priya, "chat/new/"), {"text": "hello"}).status_code == HTTPStatus.FOUND
    assert signed_in(cast.karim).get(page(cast.karim)).status_code == HTTPStatus.OK  # another organization


def test_who_signed_in_with_the_second_factor_gets_in(cast: Cast, phone: Phone) -> None:
    rule(cast, mfa_required=True)
    set_up_app(cast.priya.user)
    client = signed_in(cast.priya)
    client.post(SECOND, {"code": phone.code()})
    assert client.get(page(cast.priya)).status_code == HTTPStatus.OK
    assert code(client, cast.priya) == "200"


def test_a_session_from_before_the_factor_proves_it_and_goes_on_where_it_was(cast: Cast, phone: Phone) -> None:
    client = signed_in(cast.priya)
    set_up_app(cast.priya.user)
    rule(cast, mfa_required=True)
    led = client.get(page(cast.priya, "runs/"), follow=True)
    assert led.redirect_chain[-1][0].startswith("/account/2fa/reauthenticate/?next=")
    back = client.post(led.redirect_chain[-1][0], {"code": phone.code(), "next": page(cast.priya, "runs/")})
    assert back.headers["Location"] == page(cast.priya, "runs/")
    assert client.get(page(cast.priya, "runs/")).status_code == HTTPStatus.OK


def test_a_session_gets_too_old_and_is_proven_anew(cast: Cast) -> None:
    rule(cast, session_hours=8)
    client = signed_in(cast.priya)
    assert client.get(page(cast.priya)).status_code == HTTPStatus.OK
    aged(client, hours=8.1)
    led = client.get(page(cast.priya), follow=True)
    assert led.redirect_chain[-1][0] == "/account/reauthenticate/?next=%2Fo%2Fhalden-roe%2Fchat%2F"
    assert code(client, cast.priya) == "sign_in_again"
    client.post("/account/reauthenticate/", {"password": PASSWORD})
    assert client.get(page(cast.priya)).status_code == HTTPStatus.OK


def test_an_old_second_factor_does_not_count_for_a_session_proven_anew(cast: Cast, phone: Phone) -> None:
    rule(cast, session_hours=8, mfa_required=True)
    set_up_app(cast.priya.user)
    client = signed_in(cast.priya)
    client.post(SECOND, {"code": phone.code()})
    aged(client, hours=9)
    session = client.session
    session["account_authentication_methods"] = [
        *session["account_authentication_methods"],
        {"method": "password", "at": time.time(), "reauthenticated": True},
    ]
    session.save()
    assert code(client, cast.priya) == "second_factor_required"


def test_a_quiet_session_is_asked_again_and_a_busy_one_is_not(cast: Cast) -> None:
    rule(cast, idle_minutes=15)
    quiet, busy = signed_in(cast.priya), signed_in(cast.priya)
    for client in (quiet, busy):
        assert client.get(page(cast.priya)).status_code == HTTPStatus.OK
        aged(client, hours=0.2)
    assert busy.get(page(cast.priya)).status_code == HTTPStatus.OK
    for client in (quiet, busy):
        session = client.session
        session[SEEN] = {name: at - 0.1 * 3600 for name, at in session[SEEN].items()}
        session["account_authentication_methods"][0]["at"] -= 0.1 * 3600
        session.save()
    assert code(quiet, cast.priya) == "session_idle"
    assert busy.get(page(cast.priya)).status_code == HTTPStatus.OK


def test_what_a_page_fetches_by_itself_is_no_sign_of_life(cast: Cast) -> None:
    rule(cast, idle_minutes=15)
    client = signed_in(cast.priya)
    client.get(page(cast.priya))
    aged(client, hours=0.2)
    before = client.session[SEEN]
    client.get(page(cast.priya, "counts/"), headers={"Sec-Fetch-Mode": "cors", "Accept": "application/json"})
    assert client.session[SEEN] == before
    client.get(page(cast.priya))
    assert client.session[SEEN] != before


def test_work_in_another_organization_does_not_keep_a_session_awake_here(cast: Cast) -> None:
    rule(cast, idle_minutes=15)
    client = signed_in(cast.priya)
    client.post("/organizations/new/", {"name": "Kestrel Maps"})
    client.get(page(cast.priya))
    aged(client, hours=0.5)
    assert client.get("/o/kestrel-maps/chat/").status_code == HTTPStatus.OK
    assert code(client, cast.priya) == "session_idle"


def test_only_the_ways_that_the_organization_takes_count(cast: Cast) -> None:
    rule(cast, sign_in_methods=["passkey"])
    client = signed_in(cast.priya)
    led = client.get(page(cast.priya), follow=True)
    assert led.redirect_chain[0][0].startswith("/account/other-way/?next=")
    assert "Sign in another way" in led.content.decode()
    assert code(client, cast.priya) == "sign_in_method"
    session = client.session
    session["account_authentication_methods"] = [
        {"method": "mfa", "type": "webauthn", "passwordless": True, "at": time.time()}
    ]
    session.save()
    assert client.get(page(cast.priya)).status_code == HTTPStatus.OK


@pytest.mark.parametrize("foreign", [True, False])
def test_single_sign_on_counts_for_its_own_organization_only(cast: Cast, foreign: bool) -> None:
    rule(cast, sign_in_methods=["sso"], mfa_required=True)
    client = signed_in(cast.priya)
    session = client.session
    organization = cast.borealis if foreign else cast.halden
    session["account_authentication_methods"] = [
        *session["account_authentication_methods"],
        {"method": "sso", "organization": str(organization.id), "second_factor": True, "at": time.time()},
    ]
    session.save()
    assert code(client, cast.priya) == ("sign_in_method" if foreign else "200")


def test_the_proofs_of_somebody_else_in_the_same_browser_do_not_count(cast: Cast) -> None:
    rule(cast, session_hours=8)
    client = signed_in(cast.maya)
    stale = {name: value for name, value in client.session.items() if name.startswith("account_auth")}
    client = cast.priya.client()
    session = client.session
    session.update(stale)
    session.save()
    assert code(client, cast.priya) == "sign_in_again"


def test_a_stranger_learns_nothing_of_the_rules(cast: Cast) -> None:
    rule(cast, mfa_required=True)
    assert signed_in(cast.karim).get(page(cast.priya)).status_code == HTTPStatus.NOT_FOUND


def test_rules_cost_no_query(cast: Cast, phone: Phone, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    client = signed_in(cast.priya)
    path = page(cast.priya, "counts/")
    client.get(path)
    with django_assert_num_queries(COUNTS_QUERIES):
        client.get(path)
    set_up_app(cast.priya.user)
    rule(cast, mfa_required=True, session_hours=8, idle_minutes=15, sign_in_methods=["password"])
    client = signed_in(cast.priya)
    client.post(SECOND, {"code": phone.code()})
    client.get(path)
    with django_assert_num_queries(COUNTS_QUERIES):
        client.get(path)


def rules_page(person: Person) -> str:
    return page(person, "settings/sign-in/")


def test_an_admin_sets_the_rules(cast: Cast) -> None:
    client = signed_in(cast.tomas)
    assert "Everybody needs a second factor" in client.get(rules_page(cast.tomas)).content.decode()
    fields = {"idle_minutes": "30", "session_hours": "12", "sign_in_methods": ["password", "passkey"]}
    assert client.post(rules_page(cast.tomas), fields).status_code == HTTPStatus.FOUND
    cast.halden.refresh_from_db()
    assert (cast.halden.idle_minutes, cast.halden.session_hours) == (30, 12)
    assert cast.halden.sign_in_methods == ["password", "passkey"]
    with tenant(cast.halden.id):
        told = AuditEvent.objects.get(action="sign_in_rules.changed").details
    assert told["after"]["session_hours"] == 12


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"mfa_required": "on"}, "Set up a second factor of your own first"),
        ({"sign_in_methods": ["passkey"]}, "Leave a way that you can use yourself"),
        ({"sign_in_methods": ["sso"]}, "Leave a way that you can use yourself"),
        ({"sign_in_methods": ["telepathy"]}, "telepathy is not one of the available choices"),
        ({"idle_minutes": "-1"}, "-1 is not one of the available choices"),
        ({"session_hours": "soon"}, "soon is not one of the available choices"),
    ],
)
def test_an_owner_locks_nobody_out_not_even_themselves(cast: Cast, fields: dict[str, Any], said: str) -> None:
    client = signed_in(cast.maya)
    refused = client.post(rules_page(cast.maya), {**NOTHING, **fields})
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert said in refused.content.decode()
    cast.halden.refresh_from_db()
    assert (cast.halden.mfa_required, cast.halden.sign_in_methods, cast.halden.idle_minutes) == (False, [], None)


def test_an_owner_with_a_second_factor_may_ask_everybody_for_one(cast: Cast, phone: Phone) -> None:
    set_up_app(cast.maya.user)
    client = signed_in(cast.maya)
    client.post(SECOND, {"code": phone.code()})
    assert client.post(rules_page(cast.maya), {**NOTHING, "mfa_required": "on"}).status_code == HTTPStatus.FOUND
    assert client.get(page(cast.maya)).status_code == HTTPStatus.OK
    assert code(signed_in(cast.priya), cast.priya) == "second_factor_required"


def test_a_member_neither_sees_nor_sets_the_rules(cast: Cast) -> None:
    client = signed_in(cast.priya)
    assert client.get(rules_page(cast.priya)).status_code == HTTPStatus.FORBIDDEN
    assert client.post(rules_page(cast.priya), {**NOTHING, "mfa_required": "on"}).status_code == HTTPStatus.FORBIDDEN
    cast.halden.refresh_from_db()
    assert not cast.halden.mfa_required


def test_changing_the_rules_asks_for_a_fresh_proof_and_leads_back(cast: Cast) -> None:
    client = signed_in(cast.maya)
    aged(client, hours=0.1)
    led = client.get(rules_page(cast.maya), follow=True)
    assert led.redirect_chain[-1][0].startswith("/account/reauthenticate/?next=")
    back = client.post("/account/reauthenticate/", {"password": PASSWORD, "next": rules_page(cast.maya)})
    assert back.headers["Location"] == rules_page(cast.maya)
    assert client.get(rules_page(cast.maya)).status_code == HTTPStatus.OK
    aged(client, hours=0.1)
    program = client.post(rules_page(cast.maya), NOTHING, headers={"Accept": "application/json"})
    assert (program.status_code, program.json()["code"]) == (HTTPStatus.FORBIDDEN, "step_up_required")
    sent = client.post(rules_page(cast.maya), NOTHING, headers={"Referer": f"http://testserver{rules_page(cast.maya)}"})
    assert sent.headers["Location"] == "/account/prove/?next=%2Fo%2Fhalden-roe%2Fsettings%2Fsign-in%2F"


def test_a_fresh_password_is_no_proof_of_somebody_with_a_second_factor(cast: Cast, phone: Phone) -> None:
    set_up_app(cast.maya.user)
    client = signed_in(cast.maya)
    client.post(SECOND, {"code": phone.code()})
    assert client.get(rules_page(cast.maya)).status_code == HTTPStatus.OK
    session = client.session
    session["account_authentication_methods"][1]["at"] -= 3600
    session.save()
    assert client.get(rules_page(cast.maya)).headers["Location"].startswith("/account/prove/")
