"""A directory that speaks SCIM 2.0, with bodies as Okta and Entra ID send them, written from RFC 7643 and 7644 and what
both document."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import pytest
from django.http import HttpResponse

from accounts.models import EmailDomain
from accounts.services.scim_tokens import token_create
from jarvis_site.kernel.tenancy import tenant
from tests.accounts.test_api_keys import caller
from tests.cast import Cast, Person

__all__ = ["directory", "verified"]

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

OKTA_USER = {
    "schemas": [USER],
    "userName": "barbara.jensen@halden.example",
    "name": {"givenName": "Barbara", "familyName": "Jensen"},
    "emails": [{"primary": True, "value": "barbara.jensen@halden.example", "type": "work"}],
    "displayName": "Barbara Jensen",
    "locale": "en-US",
    "externalId": "00ujl29u0le5T6Aj10h7",
    "groups": [],
    "password": "1mz050nq",
    "active": True,
}
ENTRA_USER = {
    "schemas": [USER, ENTERPRISE],
    "externalId": "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef",
    "userName": "Test_User_ab6490ee@halden.example",
    "active": True,
    "displayName": "Test User",
    "emails": [{"primary": True, "type": "work", "value": "Test_User_fd0ea19b@halden.example"}],
    "meta": {"resourceType": "User"},
    "name": {"formatted": "givenName familyName", "familyName": "familyName", "givenName": "givenName"},
    "roles": [],
    ENTERPRISE: {"department": "Sales"},
}

# How each of them switches somebody off.
OKTA_OFF = {"op": "replace", "value": {"active": False}}
ENTRA_OFF = {"op": "Replace", "path": "active", "value": "False"}
ENTRA_OFF_NO_PATH = {"op": "replace", "value": {"active": "False"}}
URN_OFF = {"op": "Replace", "path": f"{USER}:active", "value": False}


class Directory:
    """An organization's directory with its token."""

    def __init__(self, person: Person, text: str) -> None:
        self.root = f"/scim/v2/{person.slug}/"
        self.client = caller(text)

    def get(self, path: str, **query: Any) -> HttpResponse:
        return self.client.get(self.root + path, query)

    def send(self, method: str, path: str, body: Any = None) -> HttpResponse:
        text = body if isinstance(body, str) else json.dumps(body)
        return self.client.generic(method, self.root + path, text, content_type="application/scim+json")

    def patch(self, path: str, *operations: Mapping[str, Any]) -> HttpResponse:
        return self.send("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)})

    def create(self, kind: str = "Users", **body: Any) -> dict[str, Any]:
        answer = self.send("POST", kind, {**(OKTA_USER if kind == "Users" else {"schemas": [GROUP]}), **body})
        assert answer.status_code == HTTPStatus.CREATED, answer.content
        made: dict[str, Any] = answer.json()
        return made

    def found(self, kind: str, text: str) -> list[str]:
        answer = self.get(kind, filter=text)
        assert answer.status_code == HTTPStatus.OK, answer.content
        body = answer.json()
        assert body["totalResults"] == len(body["Resources"]) == body["itemsPerPage"]
        return sorted(item.get("userName") or item["displayName"] for item in body["Resources"])


def token_of(person: Person) -> str:
    with tenant(person.organization.id, member=person.membership.id):
        return token_create(actor=person.actor, name="Okta", lifetime=None)[1]


@pytest.fixture
def directory(cast: Cast) -> Directory:
    return Directory(cast.maya, token_of(cast.maya))


@pytest.fixture
def verified(cast: Cast) -> None:
    """Halden & Roe has shown that halden.example is its own."""
    with tenant(cast.halden.id):
        EmailDomain.objects.create(domain="halden.example", token="t", verified_at="2026-11-01T00:00:00Z")


def refused(answer: HttpResponse, status: int, kind: str | None = None) -> str:
    """Check that an error is in SCIM's form; return its words."""
    body = answer.json()
    assert answer.headers["Content-Type"] == "application/scim+json"
    assert body["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    assert (answer.status_code, body["status"], body.get("scimType")) == (status, str(status), kind)
    return str(body["detail"])
