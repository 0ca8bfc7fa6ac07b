"""Operators at `/ops/`: only they get in; they see all organizations, none of the content, and say why they act."""

import re
from http import HTTPStatus

import pytest
from allauth.mfa.models import Authenticator
from django.db import transaction
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.contracts import Role
from accounts.models import Membership, Organization, User
from jarvis_site.admin.operators import site
from jarvis_site.audit import record
from jarvis_site.audit.models import AuditEvent
from jarvis_site.audit.selectors import with_words
from jarvis_site.kernel.models import Job
from jarvis_site.kernel.tenancy import current_scope, tenant
from tests.admin.rows import rows_made
from tests.cast import Cast, browser, prove

# The roles jarvis_app and jarvis_platform have connections of their own: only what is committed do both see.
pytestmark = pytest.mark.django_db(transaction=True)

LISTS = [f"{model._meta.app_label}/{model._meta.model_name}/" for model in site._registry]
# The session and the person; the number of rows, and the rows.
LIST_QUERIES = 6
WHY = "They asked for it in ticket 12."


@pytest.fixture
def operator(db: None) -> User:
    return User.objects.create_superuser("root@example.com", "x", name="Root")


@pytest.fixture
def client(operator: User) -> Client:
    return browser(operator, proof="password")


def act(client: Client, path: str, action: str, row: object, reason: str = WHY) -> str:
    fields = {"action": action, "_selected_action": str(row), "reason": reason}
    return client.post(f"/ops/{path}", fields, follow=True).content.decode()


def dead_job(cast: Cast) -> Job:
    with tenant(cast.halden.id):
        return Job.objects.create(
            name="chat.reply",
            arguments={"text": "zanzibar"},
            attempt=3,
            dead_at="2026-01-01T00:00Z",
            last_error="Refused",
        )


@pytest.mark.parametrize("rights", [{}, {"is_staff": True}, {"is_superuser": True}, {"is_active": False}])
def test_everybody_else_finds_nothing(cast: Cast, rights: dict[str, bool]) -> None:
    rights = {"is_staff": True, "is_superuser": True} | rights if "is_active" in rights else rights
    User.objects.using("platform").filter(id=cast.maya.user.id).update(**rights)
    for path in ("", *LISTS, f"accounts/organization/{cast.halden.id}/change/"):
        for client in (cast.maya.client(), Client()):
            assert client.get(f"/ops/{path}").status_code == HTTPStatus.NOT_FOUND, path
            assert client.post(f"/ops/{path}", {"action": "suspend"}).status_code == HTTPStatus.NOT_FOUND, path


def test_a_second_factor_that_somebody_has_must_have_been_shown(operator: User) -> None:
    Authenticator.objects.create(user=operator, type=Authenticator.Type.TOTP, data={})
    client = browser(operator, proof="password")
    assert client.get("/ops/").status_code == HTTPStatus.NOT_FOUND
    prove(client, operator, "mfa")
    assert client.get("/ops/").status_code == HTTPStatus.OK


@pytest.mark.parametrize("path", ["", *LISTS])
def test_lists_show_all_organizations_and_no_content(
    cast: Cast, client: Client, path: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    rows_made(cast.maya, "zanzibarcanary")
    dead_job(cast)
    with django_assert_max_num_queries(LIST_QUERIES):
        answer = client.get(f"/ops/{path}")
    assert answer.status_code == HTTPStatus.OK
    text = answer.content.decode()
    assert "zanzibar" not in text
    assert not re.findall(r"<style|<script(?![^>]*\ssrc=)|\sstyle=|\son[a-z]+=", text)
    if path in {"accounts/organization/", "accounts/membership/", "audit/auditevent/"}:
        assert "Borealis" in text
        assert "Halden &amp; Roe" in text
    assert not current_scope().everywhere


def test_rows_are_opened_and_not_changed(cast: Cast, client: Client) -> None:
    job = dead_job(cast)
    opened = {
        f"accounts/organization/{cast.halden.id}": "Halden &amp; Roe",
        f"accounts/user/{cast.karim.user.id}": "karim@borealis.example",
        f"accounts/membership/{cast.karim.membership.id}": "Borealis",
        f"kernel/job/{job.id}": "chat.reply",
    }
    for path, shown in opened.items():
        assert shown in client.get(f"/ops/{path}/change/").content.decode()
        assert client.get(f"/ops/{path}/history/").status_code == HTTPStatus.OK
        fields = {"name": "X", "slug": "x", "role": "owner", "is_superuser": "on"}
        assert client.post(f"/ops/{path}/change/", fields).status_code == HTTPStatus.FORBIDDEN
        assert client.get(f"/ops/{path}/delete/").status_code == HTTPStatus.NOT_FOUND
    for path in LISTS:
        assert client.get(f"/ops/{path}add/").status_code == HTTPStatus.NOT_FOUND


def test_columns_that_are_not_shown_can_not_be_guessed(cast: Cast, client: Client) -> None:
    for guess in ("accounts/user/?password__startswith=p", "kernel/job/?arguments__text=zanzibar"):
        assert client.get(f"/ops/{guess}").status_code == HTTPStatus.BAD_REQUEST, guess


def test_every_filter_that_is_offered_works(cast: Cast, client: Client) -> None:
    for path in LISTS:
        for query in re.findall(r'href="(\?[^"]+)"', client.get(f"/ops/{path}").content.decode()):
            assert client.get(f"/ops/{path}{query.replace('&amp;', '&')}").status_code == HTTPStatus.OK, query


def test_an_organization_is_suspended_and_restored_with_a_reason(cast: Cast, client: Client) -> None:
    path = "accounts/organization/"
    assert "Say why" in act(client, path, "suspend", cast.halden.id, reason=" ")
    assert cast.maya.client().get(f"/o/{cast.maya.slug}/chat/").status_code == HTTPStatus.OK
    assert "1 organization is suspended." in act(client, path, "suspend", cast.halden.id)
    assert cast.maya.client().get(f"/o/{cast.maya.slug}/chat/").status_code == HTTPStatus.NOT_FOUND
    assert cast.ines.client().get(f"/o/{cast.ines.slug}/chat/").status_code == HTTPStatus.OK
    assert "1 organization is restored." in act(client, path, "restore", cast.halden.id)
    history = cast.maya.client().get(f"/o/{cast.maya.slug}/admin/audit/auditevent/").content.decode()
    assert "operator.suspended_organization" in history
    assert WHY in history
    with tenant(cast.halden.id):
        event = AuditEvent.objects.get(action="operator.suspended_organization")
        [(_row, words)] = with_words([event])
        assert words == {"operator": "root@example.com", "reason": WHY}
    with tenant(cast.borealis.id):
        assert not AuditEvent.objects.filter(action__startswith="operator.").exists()


def test_a_person_is_kept_out_everywhere_and_each_organization_is_told(cast: Cast, client: Client) -> None:
    with tenant(cast.borealis.id):
        Membership.objects.create(user=cast.priya.user, role=Role.MEMBER)
    browser = cast.priya.client()
    assert "1 person is kept out." in act(client, "accounts/user/", "deactivate", cast.priya.user.id)
    assert browser.get(f"/o/{cast.priya.slug}/chat/").status_code in {HTTPStatus.FOUND, HTTPStatus.NOT_FOUND}
    for organization in (cast.halden, cast.borealis):
        with tenant(organization.id):
            assert AuditEvent.objects.filter(action="operator.deactivated_person").count() == 1
    assert "1 person is let in again." in act(client, "accounts/user/", "activate", cast.priya.user.id)
    assert User.objects.get(id=cast.priya.user.id).is_active


def test_operators_do_not_lock_themselves_out(client: Client, operator: User) -> None:
    assert "can not lock yourself out" in act(client, "accounts/user/", "deactivate", operator.id)
    assert User.objects.get(id=operator.id).is_active


def test_dead_jobs_are_tried_again_or_given_up(cast: Cast, client: Client) -> None:
    job = dead_job(cast)
    assert "1 job is tried again." in act(client, "kernel/job/", "retry", job.id)
    with tenant(cast.halden.id):
        job.refresh_from_db()
    assert (job.dead_at, job.attempt) == (None, 0)
    text = act(client, "kernel/job/", "give_up", job.id)
    assert "changed in the meantime" in text
    with tenant(cast.halden.id):
        assert not AuditEvent.objects.filter(action="operator.deleted_job").exists()
        Job.objects.filter(id=job.id).update(dead_at="2026-01-01T00:00Z")
    assert "1 job is given up." in act(client, "kernel/job/", "give_up", job.id)
    with tenant(cast.halden.id):
        assert not Job.objects.filter(id=job.id).exists()
        assert AuditEvent.objects.filter(action="operator.deleted_job").count() == 1


def test_posts_need_the_token_of_the_form(cast: Cast, operator: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(operator, backend="allauth.account.auth_backends.AuthenticationBackend")
    fields = {"action": "suspend", "_selected_action": str(cast.halden.id), "reason": WHY}
    assert browser.post("/ops/accounts/organization/", fields).status_code == HTTPStatus.FORBIDDEN
    assert Organization.objects.get(id=cast.halden.id).suspended_at is None


def test_lists_cost_the_same_however_long_they_are(
    cast: Cast, client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with tenant(cast.halden.id), transaction.atomic():
        for number in range(20):
            user = User.objects.create(email=f"p{number}@example.com", name=f"P{number}")
            record(action="x.done", resource=Membership.objects.create(user=user))
            Job.objects.create(name="x.y", dead_at="2026-01-01T00:00Z")
    for path in LISTS:
        with django_assert_max_num_queries(LIST_QUERIES):
            assert client.get(f"/ops/{path}").status_code == HTTPStatus.OK
