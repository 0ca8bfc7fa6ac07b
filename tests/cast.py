"""The people in the tests: two organizations that must never see each other."""

import time
from dataclasses import dataclass

import pytest
from allauth.account.internal.flows.login import record_authentication
from django.http import HttpRequest
from django.test import Client

from accounts.contracts import Actor, Role
from accounts.models import Membership, Organization, User
from accounts.selectors import actor_of, membership_get
from accounts.services.members import member_add
from accounts.services.organizations import organization_create
from accounts.sign_in import SEEN

__all__ = ["Cast", "Person", "cast"]

PASSWORD = "correct horse battery staple"


def browser(user: User, *, proof: str = "") -> Client:
    """A browser in which somebody is signed in.

    Args:
        proof: how they have shown just now that it is them; "password", or "mfa" for a second factor.
    """
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    if proof:
        prove(client, user, proof)
    return client


def prove(client: Client, user: User, proof: str) -> None:
    """Note in the browser's session that somebody has shown something just now."""
    request = HttpRequest()
    request.session = client.session
    record_authentication(request, user, method=proof)
    request.session.save()


@dataclass(frozen=True)
class Person:
    """Somebody with an account, as the member of one organization."""

    user: User
    membership: Membership
    actor: Actor
    organization: Organization

    @property
    def slug(self) -> str:
        return self.organization.slug

    @property
    def email(self) -> str:
        return self.user.email

    def client(self, *, proven: bool = False) -> Client:
        """A browser in which this person is signed in, and was here a moment ago, so that a request need not note it;
        `proven`: has shown it with the password just now."""
        client = browser(self.user, proof="password" if proven else "")
        session = client.session
        session[SEEN] = {str(self.organization.id): time.time()}
        session.save()
        return client


@dataclass(frozen=True)
class Cast:
    """Halden & Roe (maya owns it, tomas administers it, priya is a member); Borealis (ines owns it, karim)."""

    halden: Organization
    maya: Person
    tomas: Person
    priya: Person
    borealis: Organization
    ines: Person
    karim: Person


@pytest.fixture
def cast(db: None) -> Cast:
    """Both organizations. Commits when the test is `django_db(transaction=True)`, otherwise it is rolled back."""
    maya, ines = _user("Maya Lindqvist", "maya@halden.example"), _user("Ines Moreau", "ines@borealis.example")
    halden = organization_create(name="Halden & Roe", owner=maya)
    borealis = organization_create(name="Borealis", owner=ines)
    return Cast(
        halden=halden,
        maya=_person(maya, halden),
        tomas=_joined("Tomas Okafor", "tomas@halden.example", halden, Role.ADMIN),
        priya=_joined("Priya Raman", "priya@halden.example", halden, Role.MEMBER),
        borealis=borealis,
        ines=_person(ines, borealis),
        karim=_joined("Karim Aziz", "karim@borealis.example", borealis, Role.MEMBER),
    )


def _user(name: str, email: str) -> User:
    return User.objects.create_user(email, PASSWORD, name=name)


def _joined(name: str, email: str, organization: Organization, role: Role) -> Person:
    user = _user(name, email)
    member_add(organization=organization, user=user, role=role)
    return _person(user, organization)


def _person(user: User, organization: Organization) -> Person:
    membership = membership_get(user=user, slug=organization.slug)
    return Person(user=user, membership=membership, actor=actor_of(membership), organization=organization)
