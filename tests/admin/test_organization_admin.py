"""The administration of one organization: who gets in, what they see, and what they change."""

import re
from http import HTTPStatus

import pytest
from django.contrib.admin.models import LogEntry
from django.db import DatabaseError, connections, transaction
from django.test import Client
from django.urls import get_script_prefix, get_urlconf
from pytest_django import DjangoAssertNumQueries

from accounts.contracts import Role
from accounts.models import (
    ApiKey,
    CustomRole,
    EmailDomain,
    IdentityProvider,
    Invitation,
    JoinRequest,
    Membership,
    Retention,
    ScimToken,
    Team,
    User,
)
from jarvis_site.admin.organization import site
from jarvis_site.audit import record
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel.data_rights import kinds_with_period
from jarvis_site.kernel.tenancy import tenant
from tests.admin.rows import DIGEST, SECRET, Rows, rows_made
from tests.cast import Cast, Person

pytestmark = pytest.mark.django_db

LISTS = [f"{model._meta.app_label}/{model._meta.model_name}/" for model in site._registry]
# At the door: the session, the person, the membership; then the number of rows, and the rows with all that they show.
LIST_QUERIES = 8
LONG_AGO = "2026-01-01T00:00Z"


def base(person: Person) -> str:
    return f"/o/{person.slug}/admin/"


def page(person: Person, path: str = "", **query: str) -> str:
    answer = person.client().get(base(person) + path, query)
    assert answer.status_code == HTTPStatus.OK, (path, answer.status_code)
    return answer.content.decode()


def send(person: Person, path: str, **fields: object) -> str:
    """Post a form and return the page that it leads to."""
    return person.client(proven=True).post(base(person) + path, fields, follow=True).content.decode()


def with_role(cast: Cast, person: Person, role: Role) -> Person:
    with tenant(cast.halden.id):
        Membership.objects.filter(id=person.membership.id).update(role=role)
    return person


@pytest.fixture
def rows(cast: Cast) -> Rows:
    return rows_made(cast.maya, "zanzibar")


@pytest.mark.parametrize("path", ["", *LISTS])
def test_owners_open_every_page_of_their_own(cast: Cast, path: str) -> None:
    for person in (cast.maya, cast.ines):
        text = page(person, path)
        assert person.organization.name.replace("&", "&amp;") in text
    assert get_script_prefix() == "/"
    assert get_urlconf() is None


def test_two_organizations_are_open_in_two_tabs(cast: Cast) -> None:
    with tenant(cast.borealis.id):
        Membership.objects.create(user=cast.maya.user, role=Role.OWNER)
    browser = cast.maya.client()
    first = browser.get(f"/o/{cast.halden.slug}/admin/accounts/membership/").content.decode()
    second = browser.get(f"/o/{cast.borealis.slug}/admin/accounts/membership/").content.decode()
    assert "priya@halden.example" in first
    assert "karim@borealis.example" not in first
    assert "karim@borealis.example" in second
    assert "priya@halden.example" not in second
    assert set(re.findall(r'href="/o/([^/]+)/admin/', second)) == {cast.borealis.slug}


def test_the_short_address_leads_to_ones_own_organization(cast: Cast) -> None:
    assert cast.tomas.client().get("/admin/").headers["Location"] == base(cast.tomas)
    assert cast.priya.client().get("/admin/").status_code == HTTPStatus.NOT_FOUND
    assert Client().get("/admin/").headers["Location"].startswith("/account/login/")


@pytest.mark.parametrize("role", [Role.MEMBER, Role.AUDITOR])
@pytest.mark.parametrize("path", ["", *LISTS])
def test_members_and_auditors_find_nothing_there(cast: Cast, role: Role, path: str) -> None:
    client = with_role(cast, cast.priya, role).client()
    assert client.get(base(cast.priya) + path).status_code == HTTPStatus.NOT_FOUND
    assert client.post(base(cast.priya) + path, {"action": "remove"}).status_code == HTTPStatus.NOT_FOUND


@pytest.mark.django_db(transaction=True)
def test_staff_of_the_site_are_nobody_there(cast: Cast) -> None:
    root = User.objects.create_superuser("root@example.com", "x", name="Root")
    client = Client()
    client.force_login(root, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.get(base(cast.maya)).status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize(
    "change", [{"role": Role.MEMBER}, {"left_at": "2026-01-01T00:00Z"}, {"suspended_at": "2026-01-01T00:00Z"}]
)
def test_an_administrator_who_is_one_no_more_is_out_at_once(cast: Cast, change: dict[str, str]) -> None:
    client = cast.tomas.client()
    assert client.get(base(cast.tomas)).status_code == HTTPStatus.OK
    with tenant(cast.halden.id):
        Membership.objects.filter(id=cast.tomas.membership.id).update(**change)
    assert client.get(base(cast.tomas)).status_code == HTTPStatus.NOT_FOUND


def test_a_role_of_ones_own_opens_just_what_it_names(cast: Cast) -> None:
    with tenant(cast.halden.id):
        rules = [["allow", name, "the role Helper"] for name in ("organization.admin", "members.invite")]
        Membership.objects.filter(id=cast.priya.membership.id).update(rules=rules)
    text = page(cast.priya)
    assert "Invitations" in text
    assert "/accounts/apikey/" not in text
    assert cast.priya.client().get(base(cast.priya) + "accounts/apikey/").status_code == HTTPStatus.FORBIDDEN


def test_a_denial_closes_it_to_an_administrator(cast: Cast) -> None:
    with tenant(cast.halden.id):
        rules = [["deny", "audit.*", "the team Sales"]]
        Membership.objects.filter(id=cast.tomas.membership.id).update(rules=rules)
    assert cast.tomas.client().get(base(cast.tomas) + "audit/auditevent/").status_code == HTTPStatus.FORBIDDEN
    assert page(cast.tomas, "accounts/membership/")


def test_each_kind_is_listed_and_opened(cast: Cast, rows: Rows) -> None:
    for model, row in rows.items():
        name = f"{model._meta.app_label}/{model._meta.model_name}/"
        assert str(row.pk) in page(cast.maya, name), name
        opened = page(cast.maya, f"{name}{row.pk}/change/")
        history = page(cast.maya, f"{name}{row.pk}/history/")
        for text in (opened, history):
            assert DIGEST not in text
            assert SECRET not in text


def test_secrets_can_not_be_guessed_by_filters(cast: Cast, rows: Rows) -> None:
    guesses = {
        ApiKey: ["digest__startswith=d1", "member__user__password__startswith=p"],
        ScimToken: ["digest__startswith=d1"],
        Invitation: ["digest__startswith=d1"],
        IdentityProvider: ["secret__startswith=n", "config__client_secret=x"],
        Membership: ["user__password__startswith=p", "user__is_superuser=1"],
    }
    for model, filters in guesses.items():
        for guess in filters:
            answer = cast.maya.client().get(f"{base(cast.maya)}accounts/{model._meta.model_name}/?{guess}")
            assert answer.status_code == HTTPStatus.BAD_REQUEST, guess


def test_every_filter_that_is_offered_works(cast: Cast, rows: Rows) -> None:
    client, tried = cast.maya.client(), 0
    for path in LISTS:
        for query in re.findall(r'href="(\?[^"]+)"', page(cast.maya, path)):
            tried += 1
            assert client.get(base(cast.maya) + path + query.replace("&amp;", "&")).status_code == HTTPStatus.OK, query
    assert tried > 30


def test_lists_cost_the_same_however_long_they_are(
    cast: Cast, rows: Rows, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with tenant(cast.halden.id):
        people = [User.objects.create(email=f"p{number}@example.com", name=f"P{number}") for number in range(20)]
        role = CustomRole.objects.get()
        members = [Membership.objects.create(user=user, custom_role=role) for user in people]
        for number, member in enumerate(members):
            Team.objects.create(name=f"team {number}", parent=Team.objects.first())
            ApiKey.objects.create(member=member, name="k", prefix=f"p{number}", digest=DIGEST, created_by=member)
            with transaction.atomic(), tenant(cast.halden.id, member=member.id):
                record(action="x.done", resource=member, words={"name": "x"})
    client = cast.maya.client()
    for path in LISTS:
        with django_assert_max_num_queries(LIST_QUERIES):
            assert client.get(base(cast.maya) + path).status_code == HTTPStatus.OK


def test_a_change_of_role_goes_through_the_service_and_is_recorded(cast: Cast) -> None:
    path = f"accounts/membership/{cast.priya.membership.id}/"
    send(cast.maya, f"{path}change/", role="auditor", custom_role="")
    with tenant(cast.halden.id):
        assert Membership.objects.get(id=cast.priya.membership.id).role == Role.AUDITOR
        event = AuditEvent.objects.get(action="member.role_changed")
    assert event.member_id == cast.maya.membership.id
    history = page(cast.maya, f"{path}history/")
    assert "member.role_changed" in history
    assert "Maya Lindqvist" in history


def test_what_a_service_refuses_is_said_and_not_done(cast: Cast) -> None:
    text = send(cast.tomas, f"accounts/membership/{cast.tomas.membership.id}/change/", role="owner", custom_role="")
    assert "above your own role" in text
    text = send(cast.maya, f"accounts/membership/{cast.maya.membership.id}/change/", role="member", custom_role="")
    assert "only owner" in text
    text = send(cast.tomas, "accounts/membership/", action="remove", _selected_action=str(cast.maya.membership.id))
    assert "above your own role" in text
    with tenant(cast.halden.id):
        assert Membership.objects.get(id=cast.tomas.membership.id).role == Role.ADMIN
        assert Membership.objects.get(id=cast.maya.membership.id).left_at is None


def test_no_field_reaches_further_than_the_form_says(cast: Cast) -> None:
    other, wanted = cast.ines, {"role": "member", "custom_role": "", "rules": '[["allow", "*", "me"]]'}
    fields = {
        **wanted,
        "id": str(other.membership.id),
        "organization": str(cast.borealis.id),
        "organization_id": str(cast.borealis.id),
        "user": str(other.user.id),
        "user_id": str(other.user.id),
        "left_at": "2026-01-01",
        "is_superuser": "on",
        "break_glass": "on",
    }
    send(cast.tomas, f"accounts/membership/{cast.priya.membership.id}/change/", **fields)
    with tenant(cast.halden.id):
        row = Membership.objects.select_related("user").get(id=cast.priya.membership.id)
    assert (row.user_id, row.rules, row.left_at, row.user.is_superuser) == (cast.priya.user.id, [], None, False)
    assert row.break_glass is False
    with tenant(cast.borealis.id):
        assert Membership.objects.count() == 2


def test_people_are_suspended_let_in_again_and_removed(cast: Cast) -> None:
    chosen = {"_selected_action": str(cast.priya.membership.id)}
    assert "1 person is suspended." in send(cast.tomas, "accounts/membership/", action="suspend", **chosen)
    assert cast.priya.client().get(f"/o/{cast.priya.slug}/chat/").status_code == HTTPStatus.NOT_FOUND
    assert "1 person is let in again." in send(cast.tomas, "accounts/membership/", action="restore", **chosen)
    assert "1 person is removed." in send(cast.tomas, "accounts/membership/", action="remove", **chosen)
    with tenant(cast.halden.id):
        assert Membership.objects.get(id=cast.priya.membership.id).left_at is not None
        acts = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"member.suspended", "member.restored", "member.removed"} <= acts


def test_teams_and_roles_are_made_changed_and_deleted(cast: Cast) -> None:
    for kind, model in (("team", Team), ("customrole", CustomRole)):
        made = send(cast.maya, f"accounts/{kind}/add/", name="Night", parent="", description="", allow="teams.*")
        assert "was added successfully" in made
        with tenant(cast.halden.id):
            row = model.objects.get(name="Night")
        assert row.allow == ["teams.*"]
        fields = {"name": "Day", "parent": "", "description": "", "deny": "audit.view"}
        send(cast.maya, f"accounts/{kind}/{row.id}/change/", **fields)
        with tenant(cast.halden.id):
            row.refresh_from_db()
        assert (row.name, row.allow, row.deny) == ("Day", [], ["audit.view"])
        assert "can not be undone" in page(cast.maya, f"accounts/{kind}/{row.id}/delete/")
        send(cast.maya, f"accounts/{kind}/{row.id}/delete/", post="yes")
        with tenant(cast.halden.id):
            assert not model.objects.filter(id=row.id).exists()


def test_unknown_rights_and_ids_that_are_none_are_refused(cast: Cast) -> None:
    assert "is not one of the available choices" in send(cast.maya, "accounts/team/add/", name="X", allow="no.such")
    answer = cast.maya.client(proven=True).post(
        base(cast.maya) + "accounts/membership/", {"action": "remove", "_selected_action": "x"}
    )
    assert answer.status_code == HTTPStatus.NOT_FOUND


def test_keys_are_revoked(cast: Cast, rows: Rows) -> None:
    key = rows[ApiKey]
    assert "1 key is revoked." in send(cast.maya, "accounts/apikey/", action="revoke", _selected_action=str(key.pk))
    with tenant(cast.halden.id):
        key.refresh_from_db()
    assert isinstance(key, ApiKey)
    assert key.revoked_at is not None


def test_the_audit_log_is_only_read(cast: Cast, rows: Rows) -> None:
    event = rows[AuditEvent]
    path = f"{base(cast.maya)}audit/auditevent/"
    client = cast.maya.client(proven=True)
    assert client.get(f"{path}add/").status_code == HTTPStatus.NOT_FOUND
    assert client.get(f"{path}{event.pk}/delete/").status_code == HTTPStatus.NOT_FOUND
    assert client.post(f"{path}{event.pk}/change/", {"action": "x"}).status_code == HTTPStatus.FORBIDDEN
    answer = client.post(path, {"action": "delete_selected", "_selected_action": str(event.pk), "post": "yes"})
    assert answer.status_code in {HTTPStatus.OK, HTTPStatus.FOUND}
    with tenant(cast.halden.id):
        event.refresh_from_db()


def test_posts_need_the_token_of_the_form(cast: Cast) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.maya.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    for path in (
        "accounts/team/add/",
        f"accounts/membership/{cast.priya.membership.id}/change/",
        "accounts/membership/",
    ):
        assert client.post(base(cast.maya) + path, {"name": "X", "role": "owner"}).status_code == HTTPStatus.FORBIDDEN


def test_changes_ask_once_more_who_somebody_is(cast: Cast) -> None:
    path = base(cast.maya) + "accounts/membership/"
    fields = {"action": "remove", "_selected_action": str(cast.priya.membership.id)}
    answer = cast.maya.client().post(path, fields)
    assert answer.headers["Location"].startswith("/account/prove/")
    with tenant(cast.halden.id):
        assert Membership.objects.get(id=cast.priya.membership.id).left_at is None


def test_sessions_tokens_providers_and_periods_are_ended_and_changed(cast: Cast, rows: Rows) -> None:
    browser = cast.priya.client()
    chosen = {"_selected_action": str(cast.priya.membership.id)}
    assert "1 person is signed out." in send(cast.maya, "accounts/membership/", action="sign_out", **chosen)
    assert browser.get(f"/o/{cast.priya.slug}/chat/").status_code != HTTPStatus.OK
    token, provider = rows[ScimToken], rows[IdentityProvider]
    done = send(cast.maya, "accounts/scimtoken/", action="revoke", _selected_action=str(token.pk))
    assert "1 token is revoked." in done
    with tenant(cast.halden.id):
        IdentityProvider.objects.filter(id=provider.pk).update(enabled=True)
    done = send(cast.maya, "accounts/identityprovider/", action="switch_off", _selected_action=str(provider.pk))
    assert "1 provider is off." in done
    with tenant(cast.halden.id):
        assert ScimToken.objects.get(id=token.pk).revoked_at is not None
        assert not IdentityProvider.objects.get(id=provider.pk).enabled
        period = Retention.objects.create(kind=next(iter(kinds_with_period())), days=30)
    send(cast.maya, f"accounts/retention/{period.id}/change/", days="60", kind="other")
    assert "14 days at least" in send(cast.maya, f"accounts/retention/{period.id}/change/", days="1")
    with tenant(cast.halden.id):
        assert Retention.objects.get(id=period.id).days == 60
        assert AuditEvent.objects.filter(action="retention.changed").count() == 1


def test_invitations_requests_and_domains_are_answered(cast: Cast, rows: Rows) -> None:
    path, fields = "accounts/invitation/", {"email": "raj@example.com", "role": "member", "custom_role": ""}
    assert "was added successfully" in send(cast.tomas, f"{path}add/", **fields)
    assert "is open already" in send(cast.tomas, f"{path}add/", **fields)
    assert "above your own role" in send(
        cast.tomas, f"{path}add/", **fields | {"email": "x@example.com", "role": "owner"}
    )
    with tenant(cast.halden.id):
        invitation = Invitation.objects.get(email="raj@example.com")
    chosen = {"_selected_action": str(invitation.id)}
    assert "1 invitation is sent again." in send(cast.tomas, path, action="send_again", **chosen)
    assert "1 invitation is withdrawn." in send(cast.tomas, path, action="withdraw", **chosen)
    request, domain = rows[JoinRequest], rows[EmailDomain]
    text = send(cast.tomas, "accounts/joinrequest/", action="decline", _selected_action=str(request.pk))
    assert "1 request is declined." in text
    text = send(cast.tomas, "accounts/emaildomain/", action="give_up", _selected_action=str(domain.pk))
    assert "1 domain is given up." in text
    with tenant(cast.halden.id):
        assert Invitation.objects.get(id=invitation.id).revoked_at is not None
        assert JoinRequest.objects.get(id=request.pk).accepted is False
        assert not EmailDomain.objects.exists()


def test_djangos_own_log_is_closed(cast: Cast) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        LogEntry.objects.create(user=cast.maya.user, object_repr="Halden", action_flag=1)
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM django_admin_log")
        assert cursor.fetchone() == (0,)


@pytest.mark.parametrize("path", ["", *LISTS, "accounts/team/add/"])
def test_pages_need_no_exception_from_the_content_security_policy(cast: Cast, rows: Rows, path: str) -> None:
    answer = cast.maya.client().get(base(cast.maya) + path)
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    text = answer.content.decode()
    assert not re.findall(r"<style|<script(?![^>]*\ssrc=)|\sstyle=|\son[a-z]+=|javascript:", text)


def test_what_django_offers_beyond_the_pages_is_not_there(cast: Cast) -> None:
    gone = ["login/", "logout/", "password_change/", "autocomplete/", "jsi18n/", "search/?s=a", "r/1/1/", "accounts/"]
    for path in gone:
        assert cast.maya.client().get(base(cast.maya) + path).status_code == HTTPStatus.NOT_FOUND, path
