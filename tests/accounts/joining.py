"""What the tests about ways into an organization share."""

import re
from typing import Any

from allauth.account.models import EmailAddress
from django.core.mail import EmailMessage
from django.test import Client

from accounts.models import Invitation, Membership, User
from jarvis_site.kernel.tenancy import tenant
from tests.cast import PASSWORD, Person
from tests.engine import Workers

NEW = "nora@halden.example"


def account(email: str, *, verified: bool = True, name: str = "Nora New") -> User:
    user = User.objects.create_user(email, PASSWORD, name=name)
    EmailAddress.objects.create(user=user, email=email, verified=verified, primary=True)
    return user


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def invite(by: Person, addresses: str = NEW, role: str = "member", **more: Any) -> Any:
    path = f"/o/{by.slug}/settings/invitations/"
    return by.client(proven=True).post(path, {"addresses": addresses, "role": role, **more})


def links(workers: Workers, outbox: list[EmailMessage]) -> list[str]:
    """The addresses in all mails, after the workers have sent what waits."""
    workers.jobs()
    return [re.search(r"http://[^/]+(/invitations/\S+)", str(mail.body))[1] for mail in outbox]  # type: ignore[index]


def invitation(by: Person, email: str = NEW) -> Invitation:
    with tenant(by.organization.id):
        return Invitation.objects.get(email=email, revoked_at=None)


def membership(by: Person, user: User) -> Membership | None:
    with tenant(by.organization.id):
        return Membership.objects.filter(user=user, left_at=None).first()
