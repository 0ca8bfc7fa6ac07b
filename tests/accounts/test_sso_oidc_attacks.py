"""Lies about an OpenID sign-in, of a provider, a browser or somebody in between, are refused; nobody is signed in."""

import hashlib
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.contracts import Protocol
from accounts.models import IdentityProvider, SignInAttempt
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.tenancy import tenant
from tests.accounts.sso import confirmed, domain_verified, draft, provider_made, refused_as, start_path
from tests.cast import Cast
from tests.servers.oidc_forger import *  # noqa: F403 - the fixture
from tests.servers.oidc_forger import FOREIGN_KEY, Forger

pytestmark = pytest.mark.django_db
type Change = Callable[[Forger], object]


@pytest.fixture
def provider(cast: Cast, forger: Forger, settings: Settings) -> IdentityProvider:
    settings.SSO_PRIVATE_ADDRESSES = settings.SSO_PLAIN_HTTP = True
    domain_verified(cast.halden)
    confirmed(cast.priya)
    made = draft(issuer=forger.issuer, client_id=forger.client_id, secret="client secret: & co")
    return provider_made(cast.maya, Protocol.OIDC, made)


def callback(provider: IdentityProvider) -> str:
    return f"/sso/-/{provider.organization_id}/{provider.id}/oidc/"


def led(client: Client, provider: IdentityProvider) -> str:
    answer = client.get(start_path(provider, "halden-roe"))
    assert answer.status_code == 302, answer.content.decode()
    return answer.headers["Location"]


def test_the_honest_answer_signs_in(provider: IdentityProvider, forger: Forger) -> None:
    client = Client()
    answer = client.get(f"{callback(provider)}?{forger.back(led(client, provider))}")
    assert answer.status_code == 302
    assert "_auth_user_id" in client.session


def attempted(provider: IdentityProvider, forger: Forger, **changed: str) -> tuple[Client, object]:
    client = Client()
    answer = client.get(f"{callback(provider)}?{forger.back(led(client, provider), **changed)}")
    assert "_auth_user_id" not in client.session
    return client, answer


SHARED = "client secret: & co" + "x" * 20
LIES: dict[str, tuple[Change, str]] = {
    "wrong issuer": (lambda told: told.claims.update(iss="https://evil.example"), "bad_token"),
    "no issuer": (lambda told: told.claims.update(iss=None), "bad_token"),
    "wrong nonce": (lambda told: told.claims.update(nonce="another"), "bad_nonce"),
    "no nonce": (lambda told: told.claims.update(nonce=None), "bad_nonce"),
    "wrong audience": (lambda told: told.claims.update(aud="another"), "bad_token"),
    "several audiences": (lambda told: told.claims.update(aud=["jarvis", "another"]), "bad_token"),
    "for somebody else": (lambda told: told.claims.update(azp="another"), "bad_token"),
    "expired": (lambda told: told.claims.update(exp=int(time.time()) - 3600), "bad_token"),
    "no expiry": (lambda told: told.claims.update(exp=None), "bad_token"),
    "from the future": (lambda told: told.claims.update(iat=int(time.time()) + 3600), "bad_token"),
    "alg none": (lambda told: vars(told).update(key=None, algorithm="none"), "bad_token"),
    "signed with the shared secret": (lambda told: vars(told).update(key=SHARED, algorithm="HS256"), "bad_token"),
    "signed by somebody else": (lambda told: vars(told).update(key=FOREIGN_KEY), "bad_token"),
    "an unknown key": (lambda told: vars(told).update(kid="second"), "bad_token"),
    "no subject": (lambda told: told.claims.update(sub=None), "bad_token"),
    "an empty subject": (lambda told: told.claims.update(sub=""), "no_subject"),
    "a subject that is too long": (lambda told: told.claims.update(sub="x" * 256), "no_subject"),
    "no text": (lambda told: told.claims.update(groups=["a\0b"]), "bad_response"),
    "half a character": (lambda told: told.claims.update(name="\ud800"), "bad_response"),
    "no token": (lambda told: told.raw.update({"/token": b'{"access_token": "a"}'}), "bad_token"),
    "unverified": (lambda told: told.claims.update(email_verified=False), "email_unverified"),
    "verified in other words": (lambda told: told.claims.update(email_verified="yes"), "email_unverified"),
    "letters that look alike": (lambda told: told.claims.update(email="pr\u0131ya@halden.example"), "email_missing"),
    "two addresses in one": (
        lambda told: told.claims.update(email="priya@halden.example,x@evil.example"),
        "email_missing",
    ),
    "the code is refused": (lambda told: told.status.update({"/token": 400}), "unreachable"),
    "a redirect from the token endpoint": (lambda told: told.status.update({"/token": 302}), "unreachable"),
    "keys that are none": (lambda told: told.raw.update({"/jwks": b'{"keys": [{"kty": "oct"}, 1]}'}), "bad_token"),
    "nonsense": (lambda told: told.raw.update({"/token": b"[" * 100_000}), "unreachable"),
    "too much": (lambda told: told.raw.update({"/jwks": b" " * 600_000 + b"{}"}), "unreachable"),
    "another issuer's description": (
        lambda told: told.discovery.update(issuer="https://evil.example"),
        "bad_discovery",
    ),
    "details about somebody else": (
        lambda told: (told.claims.update(email=None), told.userinfo.update(sub="maya", email="m@halden.example")),
        "bad_token",
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_refused(provider: IdentityProvider, forger: Forger, lie: str) -> None:
    change, reason = LIES[lie]
    client = Client()
    query = forger.back(led(client, provider))
    change(forger)
    answer = client.get(f"{callback(provider)}?{query}")
    assert refused_as(answer, reason), answer.content.decode()
    assert "_auth_user_id" not in client.session


def test_an_unsigned_detail_does_not_overrule_what_is_signed(provider: IdentityProvider, forger: Forger) -> None:
    client = Client()
    query = forger.back(led(client, provider))
    forger.claims.update(email=None)
    forger.userinfo.update(sub="priya", email="priya@halden.example", email_verified=False)
    assert client.get(f"{callback(provider)}?{query}").status_code == 302  # email_verified is in the token


@pytest.mark.parametrize("state", ["", "x" * 43, "%00"])
def test_an_unknown_state_is_refused(provider: IdentityProvider, forger: Forger, state: str) -> None:
    assert refused_as(attempted(provider, forger, state=state)[1], "unknown_attempt")


def test_an_answer_in_another_browser_is_refused(provider: IdentityProvider, forger: Forger) -> None:
    """Login CSRF: a link that signs its reader in as its writer."""
    query = forger.back(led(Client(), provider))
    victim = Client()
    assert refused_as(victim.get(f"{callback(provider)}?{query}"), "other_browser")
    led(victim, provider)
    assert refused_as(victim.get(f"{callback(provider)}?{query}"), "other_browser")


def test_an_answer_is_good_once(provider: IdentityProvider, forger: Forger) -> None:
    client = Client()
    path = f"{callback(provider)}?{forger.back(led(client, provider))}"
    assert client.get(path).status_code == 302
    assert refused_as(client.get(path), "replayed")


def test_an_answer_that_took_too_long_is_refused(provider: IdentityProvider, forger: Forger) -> None:
    client = Client()
    query = forger.back(led(client, provider))
    with tenant(provider.organization_id):
        SignInAttempt.objects.update(created_at=db_now(plus=-timedelta(minutes=16)))
    assert refused_as(client.get(f"{callback(provider)}?{query}"), "unknown_attempt")


def test_an_answer_of_one_provider_does_not_count_for_another(
    provider: IdentityProvider, forger: Forger, cast: Cast
) -> None:
    other = provider_made(cast.maya, Protocol.OIDC, draft("Other", issuer=forger.issuer, client_id="jarvis"))
    client = Client()
    query = forger.back(led(client, provider))
    assert refused_as(client.get(f"{callback(other)}?{query}"), "unknown_attempt")
    elsewhere = f"/sso/-/{cast.borealis.id}/{provider.id}/oidc/?{query}"
    assert client.get(elsewhere).status_code == 404


def test_the_issuer_in_the_answer_has_to_be_the_one_that_was_asked(provider: IdentityProvider, forger: Forger) -> None:
    assert refused_as(attempted(provider, forger, iss="https://evil.example")[1], "bad_issuer")


def test_the_request_carries_a_challenge_and_the_exchange_its_secret(
    provider: IdentityProvider, forger: Forger
) -> None:
    client = Client()
    address = led(client, provider)
    asked = parse_qs(urlsplit(address).query)
    client.get(f"{callback(provider)}?{forger.back(address)}")
    (form,) = forger.forms
    hashed = urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
    assert (asked["code_challenge"], asked["code_challenge_method"]) == ([hashed], ["S256"])
    assert "client_secret" not in form  # in the header, as the provider says nothing else


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/o/halden-roe/",
        "/o/halden-roe/../../../evil",
        "/o/borealis/chat/",
        "/o/halden-roe/\\evil.example",
        "javascript:alert(1)",
        "/account/logout/",
        "/o/halden-roe/" + "x" * 600,
    ],
)
def test_next_leads_nowhere_but_into_the_organization(provider: IdentityProvider, forger: Forger, target: str) -> None:
    client = Client()
    address = client.get(start_path(provider, "halden-roe"), {"next": target}).headers["Location"]
    landed = client.get(f"{callback(provider)}?{forger.back(address)}").headers["Location"]
    assert landed in {"/", "/o/halden-roe/../../../evil", "/o/halden-roe/%5Cevil.example"}  # all of them on this site


def test_what_a_refused_provider_says_is_not_on_the_page(provider: IdentityProvider, forger: Forger) -> None:
    _client, answer = attempted(provider, forger, error="<script>alert(1)</script>")
    assert refused_as(answer, "denied")
    assert "<script>alert" not in answer.content.decode()
