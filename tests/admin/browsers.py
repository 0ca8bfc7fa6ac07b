"""Browsers of people who have just shown who they are, as changes in the administration ask for."""

from allauth.account.internal.flows.login import record_authentication
from django.test import Client, RequestFactory

from accounts.models import User


def proven(user: User, *, method: str = "password") -> Client:
    """Args: method: `mfa` for a second factor."""
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    show(client, user, method)
    return client


def show(client: Client, user: User, method: str) -> None:
    """Note in the browser's session that the person has shown something just now."""
    request = RequestFactory().get("/")
    request.session = client.session
    record_authentication(request, user, method=method)
    request.session.save()
