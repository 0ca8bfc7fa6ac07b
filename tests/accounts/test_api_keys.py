"""API keys: what they open, what they never open, how they end."""

import json
from collections.abc import Iterator
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import access
from accounts.contracts import Actor, Role
from accounts.errors import TooManyKeys, UnknownScope
from accounts.models import ApiKey, Membership
from accounts.services import keys, wrong_keys
from accounts.services.keys import IssuedKey, key_create, key_revoke, key_rotate, keys_end
from jarvis_site.api import api
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel.errors import Forbidden, NotFound
from jarvis_site.kernel.ids import uuid7
from jarvis_site.kernel.tenancy import tenant
from permissions.contracts import ConsentRequest
from permissions.models import Consent
from permissions.services import consent_ask
from tests.cast import Cast, Person

pytestmark = pytest.mark.django_db

JSON = "application/json"


def issue(person: Person, *scopes: str, lifetime: timedelta | None = None) -> IssuedKey:
    with tenant(person.organization.id, member=person.membership.id):
        return key_create(actor=person.actor, name="Build", scopes=scopes or ["*"], lifetime=lifetime)


def caller(text: str, client: Client | None = None) -> Client:
    """A program with a key, at an address of its own: wrong keys are counted by address."""
    client = client or Client(enforce_csrf_checks=True)
    client.defaults |= {"HTTP_AUTHORIZATION": f"Bearer {text}", "REMOTE_ADDR": _address()}
    return client


def _address() -> str:
    tail = uuid7().hex[-12:]
    return f"2001:db8:{tail[:4]}:{tail[4:8]}::{tail[8:]}"


def door(person: Person, path: str = "runs/") -> str:
    return f"/api/v1/o/{person.slug}/{path}"


def test_a_key_opens_the_api_and_needs_no_session_and_no_csrf_token(cast: Cast) -> None:
    program = caller(issue(cast.priya).text)
    assert program.get(door(cast.priya)).status_code == HTTPStatus.OK
    made = program.post(door(cast.priya, "conversations/"), "{}", content_type=JSON)
    assert made.status_code == HTTPStatus.CREATED
    said = program.post(
        door(cast.priya, f"conversations/{made.json()['id']}/messages"),
        json.dumps({"text": "hello", "client_id": str(uuid7())}),
        content_type=JSON,
    )
    assert said.status_code == HTTPStatus.CREATED


def test_a_key_is_stored_as_its_beginning_and_a_digest_only(cast: Cast) -> None:
    text = issue(cast.priya).text
    with tenant(cast.halden.id):
        row = ApiKey.objects.values().get()
    assert text.startswith(f"jv_key_{row['prefix']}_")
    assert text.rpartition("_")[2] not in json.dumps(row, default=str)
    with tenant(cast.halden.id):
        assert text not in json.dumps(list(AuditEvent.objects.values()), default=str)


@pytest.mark.parametrize("wrong", ["wrong", "jv_key_0123456789_" + "x" * 43, "", "jv_scim_0123456789_" + "x" * 43])
def test_a_wrong_key_gets_what_a_stranger_gets(cast: Cast, wrong: str) -> None:
    strange = cast.ines.client().get(door(cast.priya))
    answer = caller(wrong).get(door(cast.priya))
    assert (answer.status_code, answer.content) == (strange.status_code, strange.content) == (404, answer.content)


def test_a_wrong_key_does_not_fall_back_to_the_session(cast: Cast) -> None:
    assert caller("wrong", cast.priya.client()).get(door(cast.priya)).status_code == HTTPStatus.NOT_FOUND


def test_with_a_session_and_a_key_the_key_alone_counts(cast: Cast) -> None:
    conversation = cast.maya.client().post(door(cast.maya, "conversations/"), "{}", content_type=JSON).json()["id"]
    both = caller(issue(cast.priya).text, cast.maya.client())
    assert both.get(door(cast.maya, f"conversations/{conversation}/messages")).status_code == HTTPStatus.NOT_FOUND
    limited = caller(issue(cast.maya, "runs.read").text, cast.maya.client())
    assert limited.get(door(cast.maya, "conversations/")).status_code == HTTPStatus.FORBIDDEN


def test_a_session_still_needs_its_csrf_token(cast: Cast) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(cast.priya.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    refused = browser.post(door(cast.priya, "conversations/"), "{}", content_type=JSON)
    assert refused.status_code in {HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN}


def test_keys_open_no_pages_and_no_other_organization(cast: Cast) -> None:
    program = caller(issue(cast.priya).text)
    page = program.get(f"/o/{cast.priya.slug}/settings/")
    assert page.headers["Location"].startswith("/account/login/")
    assert program.get(door(cast.ines)).status_code == HTTPStatus.NOT_FOUND
    assert program.get("/api/v1/o/nowhere/runs/").status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("name", ["key", "api_key", "access_token"])
def test_a_key_in_the_address_is_refused_and_said_to_be_spoilt(cast: Cast, name: str) -> None:
    text = issue(cast.priya).text
    for client in (Client(), caller(text), cast.priya.client()):
        answer = client.get(door(cast.priya), {name: text})
        assert (answer.status_code, answer.json()["code"]) == (400, "key_in_address")


@pytest.mark.parametrize(
    ("scopes", "path", "missing"),
    [
        (["chat.read"], "runs/", "runs.read"),
        (["chat.*", "approvals.*"], "runs/", "runs.read"),
        (["runs.control"], "runs/", "runs.read"),
        (["runs.*"], "conversations/", "chat.read"),
        (["runs.*"], "approvals/", "approvals.read"),
    ],
)
def test_a_refusal_names_the_missing_scope(cast: Cast, scopes: list[str], path: str, missing: str) -> None:
    answer = caller(issue(cast.maya, *scopes).text).get(door(cast.maya, path))
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (403, "missing_scope")
    assert f"the key does not have the scope {missing}" in problem["title"]
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_key_never_may_more_than_its_member(cast: Cast) -> None:
    text = issue(cast.priya).text
    with tenant(cast.halden.id):
        Membership.objects.filter(id=cast.priya.membership.id).update(rules=[["deny", "runs.*", "the team Sales"]])
    answer = caller(text).get(door(cast.priya))
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert "the team Sales denies runs.*" in answer.json()["title"]


def test_what_holds_for_the_api_holds_for_the_pages(cast: Cast) -> None:
    with tenant(cast.halden.id):
        Membership.objects.filter(id=cast.priya.membership.id).update(rules=[["deny", "chat.write", "the team Sales"]])
    answer = cast.priya.client().post(f"/o/{cast.priya.slug}/chat/new/", {"text": "hello"})
    assert answer.status_code == HTTPStatus.FORBIDDEN


@pytest.fixture
def question(cast: Cast) -> Iterator[Consent]:
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        yield consent_ask(
            ConsentRequest(
                run_id=uuid7(),
                step_id=uuid7(),
                member_id=cast.maya.membership.id,
                digest="d" * 64,
                tool="mail.send",
                arguments={},
                title="Send",
                risk="high",
                reversibility="final",
                rule="r",
                reason="because",
            )
        )


@pytest.mark.parametrize("scopes", [["*"], ["approvals.*"], ["*", "approvals.*", "approvals.read"]])
@pytest.mark.parametrize("decision", ["approve", "deny"])
def test_a_key_approves_nothing_unless_its_scope_says_exactly_that(
    cast: Cast, question: Consent, scopes: list[str], decision: str
) -> None:
    program = caller(issue(cast.maya, *scopes).text)
    path = door(cast.maya, f"approvals/{question.id}")
    assert program.get(path).status_code == HTTPStatus.OK
    body = json.dumps({"decision": decision, "reason": "no"})
    refused = program.post(f"{path}/decision", body, content_type=JSON)
    assert refused.status_code == HTTPStatus.FORBIDDEN
    assert "approvals.decide" in refused.json()["title"]
    allowed = caller(issue(cast.maya, "approvals.decide").text)
    assert allowed.post(f"{path}/decision", body, content_type=JSON).status_code == HTTPStatus.OK


def test_a_rotated_key_lives_on_for_a_day(cast: Cast) -> None:
    old = issue(cast.priya, "runs.read")
    with tenant(cast.halden.id, member=cast.priya.membership.id):
        new = key_rotate(actor=cast.priya.actor, key_id=old.key.id)
        old.key.refresh_from_db()
    assert new.key.scopes == ["runs.read"]
    assert new.key.expires_at is None
    assert abs(old.key.expires_at - new.key.created_at - timedelta(hours=24)) < timedelta(seconds=5)
    for text in (old.text, new.text):
        assert caller(text).get(door(cast.priya)).status_code == HTTPStatus.OK
    with tenant(cast.halden.id, member=cast.priya.membership.id):
        with pytest.raises(keys.KeyIsOver):
            key_rotate(actor=cast.priya.actor, key_id=old.key.id)
        ApiKey.objects.filter(id=old.key.id).update(expires_at=old.key.created_at)
    assert caller(old.text).get(door(cast.priya)).status_code == HTTPStatus.NOT_FOUND
    assert caller(new.text).get(door(cast.priya)).status_code == HTTPStatus.OK


def test_a_rotation_does_not_make_a_key_live_longer(cast: Cast) -> None:
    old = issue(cast.priya, lifetime=timedelta(hours=1))
    ends = old.key.expires_at
    with tenant(cast.halden.id, member=cast.priya.membership.id):
        new = key_rotate(actor=cast.priya.actor, key_id=old.key.id)
        old.key.refresh_from_db()
    assert old.key.expires_at == ends
    assert new.key.expires_at - new.key.created_at == timedelta(hours=1)


def test_a_revoked_key_and_the_key_of_somebody_who_is_out_open_nothing(cast: Cast) -> None:
    issued, other = issue(cast.priya), issue(cast.priya)
    with tenant(cast.halden.id, member=cast.priya.membership.id):
        key_revoke(actor=cast.priya.actor, key_id=issued.key.id)
    assert caller(issued.text).get(door(cast.priya)).status_code == HTTPStatus.NOT_FOUND
    assert caller(other.text).get(door(cast.priya)).status_code == HTTPStatus.OK
    for field in ("suspended_at", "left_at"):
        with tenant(cast.halden.id):
            Membership.objects.filter(id=cast.priya.membership.id).update(**{field: "2026-11-01T00:00:00Z"})
        assert caller(other.text).get(door(cast.priya)).status_code == HTTPStatus.NOT_FOUND
        with tenant(cast.halden.id):
            Membership.objects.filter(id=cast.priya.membership.id).update(**{field: None})
    with tenant(cast.halden.id):
        assert keys_end(member_id=cast.priya.membership.id) == 1
    assert caller(other.text).get(door(cast.priya)).status_code == HTTPStatus.NOT_FOUND


def test_the_last_use_is_written_once_a_minute(cast: Cast) -> None:
    issued = issue(cast.priya)
    program = caller(issued.text)

    def used_at() -> Any:
        program.get(door(cast.priya))
        with tenant(cast.halden.id):
            return ApiKey.objects.get(id=issued.key.id).last_used_at

    first = used_at()
    assert first is not None
    assert used_at() == first
    with tenant(cast.halden.id):
        ApiKey.objects.update(last_used_at=first - timedelta(seconds=61))
    assert used_at() > first - timedelta(seconds=61)


def test_all_wrong_keys_cost_the_same_statements(cast: Cast) -> None:
    """Otherwise the time would tell whether an organization, or a beginning of a key, exists."""
    prefix = issue(cast.priya).key.prefix
    costs = set()
    for slug, text in (
        (cast.priya.slug, f"jv_key_{prefix}_{'x' * 43}"),
        (cast.priya.slug, f"jv_key_0000000000_{'x' * 43}"),
        (cast.priya.slug, "nonsense"),
        ("nowhere", f"jv_key_{prefix}_{'x' * 43}"),
    ):
        with CaptureQueriesContext(connection) as statements:
            assert caller(text).get(f"/api/v1/o/{slug}/runs/").status_code == HTTPStatus.NOT_FOUND
        costs.add(len([query for query in statements if "SAVEPOINT" not in query["sql"]]))
    assert costs == {3}


def test_too_many_wrong_keys_from_one_address_are_not_looked_at_any_more(cast: Cast) -> None:
    right = issue(cast.priya).text
    guesser = caller("wrong")
    for _try in range(wrong_keys.MOST_WRONG_KEYS):
        assert guesser.get(door(cast.priya)).status_code == HTTPStatus.NOT_FOUND
    guesser.defaults["HTTP_AUTHORIZATION"] = f"Bearer {right}"
    stopped = guesser.get(door(cast.priya))
    assert (stopped.status_code, stopped.json()["retryable"]) == (429, True)
    assert caller(right).get(door(cast.priya)).status_code == HTTPStatus.OK


def test_nobody_makes_replaces_or_ends_a_key_that_is_not_theirs_to(cast: Cast) -> None:
    issued = issue(cast.maya)
    with tenant(cast.halden.id):
        for change in (key_rotate, key_revoke):
            with pytest.raises(NotFound):
                change(actor=cast.priya.actor, key_id=issued.key.id)
        # An administrator may end it, and never gets one with which to act as somebody else.
        with pytest.raises(NotFound):
            key_rotate(actor=cast.tomas.actor, key_id=issued.key.id)
        for person in (cast.priya, cast.tomas):
            with pytest.raises((NotFound, access.MayNot)):
                key_create(actor=person.actor, name="x", scopes=["*"], lifetime=None, member_id=cast.maya.membership.id)
        key_revoke(actor=cast.tomas.actor, key_id=issued.key.id)
    with tenant(cast.borealis.id), pytest.raises(NotFound):
        key_revoke(actor=cast.ines.actor, key_id=issued.key.id)


def test_a_key_makes_no_keys(cast: Cast) -> None:
    by_key = Actor(**{**_fields(cast.maya.actor), "scopes": ("*", "keys.own")})
    with tenant(cast.halden.id, member=cast.maya.membership.id), pytest.raises(Forbidden):
        key_create(actor=by_key, name="x", scopes=["approvals.decide"], lifetime=None)


def _fields(actor: Actor) -> dict[str, Any]:
    return {name: getattr(actor, name) for name in Actor.__slots__}


@pytest.mark.parametrize("scopes", [[], ["nothing.like"], ["runs.read", "oops"], ["runs"], ["%"]])
def test_a_scope_has_to_exist(cast: Cast, scopes: list[str]) -> None:
    with tenant(cast.halden.id), pytest.raises(UnknownScope):
        key_create(actor=cast.maya.actor, name="x", scopes=scopes, lifetime=None)


def test_the_number_of_keys_is_limited(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "MOST_KEYS", 2)
    first = issue(cast.maya)
    issue(cast.maya)
    with pytest.raises(TooManyKeys):
        issue(cast.maya)
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        key_revoke(actor=cast.maya.actor, key_id=first.key.id)
    issue(cast.maya)


def test_an_auditor_makes_no_keys(cast: Cast) -> None:
    auditor = Actor(**{**_fields(cast.priya.actor), "role": Role.AUDITOR})
    with tenant(cast.halden.id), pytest.raises(access.MayNot):
        key_create(actor=auditor, name="x", scopes=["*"], lifetime=None)


def test_every_change_is_audited(cast: Cast) -> None:
    issued = issue(cast.priya)
    with tenant(cast.halden.id, member=cast.priya.membership.id):
        key_rotate(actor=cast.priya.actor, key_id=issued.key.id)
        key_revoke(actor=cast.priya.actor, key_id=issued.key.id)
        key_revoke(actor=cast.priya.actor, key_id=issued.key.id)
        rows = AuditEvent.objects.filter(action__startswith="key.").order_by("id")
        assert [row.action for row in rows] == ["key.created", "key.rotated", "key.revoked"]
        assert {row.member_id for row in rows} == {cast.priya.membership.id}


def test_every_operation_of_the_api_says_what_it_needs() -> None:
    for _prefix, router in api._routers:
        for view in router.path_operations.values():
            for operation in view.operations:
                assert getattr(operation.view_func, "needs", None) in access.actions(), operation.view_func
