"""What the tests of single sign-on share: providers of Halden & Roe, and a browser that goes through one."""

from dataclasses import dataclass
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.http import HttpResponse
from django.test import Client

from accounts.contracts import Protocol
from accounts.models import EmailDomain, IdentityProvider, Organization
from accounts.services import sso
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.tenancy import tenant
from tests.cast import Cast, Person
from tests.servers.oidc_provider import OidcServer

DOMAIN = "halden.example"


def draft(name: str = "Directory", secret: str | None = None, **config: Any) -> sso.ProviderDraft:
    fields = {key: config.pop(key) for key in ("role_claim", "role_map", "creates_members") if key in config}
    return sso.ProviderDraft(name=name, config=config, secret=secret, **fields)


def provider_made(person: Person, protocol: Protocol, made: sso.ProviderDraft, *, on: bool = True) -> IdentityProvider:
    """Set a provider up as somebody; switched on by them, too."""
    with tenant(person.organization.id, member=person.membership.id):
        provider = sso.provider_create(actor=person.actor, protocol=protocol, draft=made)
        if on:
            sso.provider_enable(actor=person.actor, provider_id=provider.id, enabled=True)
            provider.refresh_from_db()
        return provider


def oidc_made(person: Person, server: OidcServer, *, on: bool = True, **fields: Any) -> IdentityProvider:
    """A provider on the real server, with a client of its own there."""
    given = {"issuer": server.issuer, "client_id": "later", "scopes": "groups", **fields}
    provider = provider_made(person, Protocol.OIDC, draft(**given), on=False)
    with tenant(person.organization.id, member=person.membership.id):
        given["client_id"], secret = server.register(sso.addresses_of(provider).redirect)
        sso.provider_change(actor=person.actor, provider_id=provider.id, draft=draft(secret=secret, **given))
        if on:
            sso.provider_enable(actor=person.actor, provider_id=provider.id, enabled=True)
        provider.refresh_from_db()
    return provider


def domain_verified(organization: Organization, domain: str = DOMAIN) -> None:
    with tenant(organization.id):
        EmailDomain.objects.create(domain=domain, token="t", verified_at=db_now())


def confirmed(*people: Person) -> None:
    """They have confirmed their addresses once."""
    for person in people:
        EmailAddress.objects.create(user=person.user, email=person.email, verified=True, primary=True)


def start_path(provider: IdentityProvider, slug: str, next_path: str = "") -> str:
    return f"/sso/{slug}/{provider.id}/" + (f"?next={next_path}" if next_path else "")


def through_oidc(client: Client, server: OidcServer, login: str, start: str, *, follow: bool = False) -> HttpResponse:
    """From our button to the provider, through its form, and back."""
    led = client.get(start)
    assert led.status_code == 302, led.content.decode()
    back = server.sign_in(led.headers["Location"], login, back=settings.SITE_URL)
    return client.get(back.removeprefix(settings.SITE_URL), follow=follow)


@dataclass(frozen=True)
class Ready:
    """Halden & Roe with a verified domain and a real provider that is on, switched on by Maya."""

    cast: Cast
    server: OidcServer
    provider: IdentityProvider

    @property
    def slug(self) -> str:
        return self.cast.halden.slug

    def sign_in(self, login: str, client: Client | None = None, next_path: str = "") -> tuple[Client, HttpResponse]:
        client = client or Client()
        return client, through_oidc(client, self.server, login, start_path(self.provider, self.slug, next_path))


def refused_as(response: HttpResponse, reason: str) -> bool:
    return response.status_code == 403 and f"sso_{reason}" in response.content.decode()


def inside(client: Client, slug: str) -> int:
    """What somebody meets at an organization's door."""
    return client.get(f"/o/{slug}/settings/").status_code
