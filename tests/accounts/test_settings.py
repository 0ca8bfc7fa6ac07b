"""One's own settings, the members, a new organization, and where one arrives."""

from http import HTTPStatus

import pytest
from django.test import Client

from accounts.models import Membership, Organization, User
from jarvis_site.kernel.tenancy import tenant
from tests.cast import PASSWORD, Cast

pytestmark = pytest.mark.django_db


def test_home_leads_to_the_first_organization_or_to_making_one(cast: Cast) -> None:
    assert cast.maya.client().get("/").headers["Location"] == f"/o/{cast.maya.slug}/"
    assert cast.maya.client().get(f"/o/{cast.maya.slug}/").headers["Location"] == f"/o/{cast.maya.slug}/chat/"
    assert Client().get("/").headers["Location"] == "/account/login/"
    lonely = Client()
    lonely.force_login(
        User.objects.create_user("lone@example.com", PASSWORD, name="Lone"),
        backend="allauth.account.auth_backends.AuthenticationBackend",
    )
    assert lonely.get("/", follow=True).redirect_chain[-1][0] == "/organizations/new/"
    assert "You become its owner" in lonely.get("/organizations/new/").content.decode()


def test_a_person_changes_name_and_time_zone(cast: Cast) -> None:
    client, path = cast.priya.client(), f"/o/{cast.priya.slug}/settings/"
    saved = client.post(path, {"name": "Priya R.", "timezone": "Asia/Kolkata"}, follow=True)
    assert "Saved." in saved.content.decode()
    cast.priya.user.refresh_from_db()
    assert (cast.priya.user.name, cast.priya.user.timezone) == ("Priya R.", "Asia/Kolkata")


@pytest.mark.parametrize(
    "fields", [{"name": "", "timezone": "UTC"}, {"name": "P", "timezone": "Mars/Olympus"}, {"name": "x" * 101}]
)
def test_bad_settings_are_refused_and_nothing_is_changed(cast: Cast, fields: dict[str, str]) -> None:
    answer = cast.priya.client().post(f"/o/{cast.priya.slug}/settings/", fields)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert 'aria-invalid="true"' in answer.content.decode()
    cast.priya.user.refresh_from_db()
    assert cast.priya.user.name == "Priya Raman"


def test_no_field_of_the_form_reaches_further_than_it_says(cast: Cast) -> None:
    fields = {"name": "P", "timezone": "UTC", "role": "owner", "email": "x@example.com", "is_staff": "on"}
    cast.priya.client().post(f"/o/{cast.priya.slug}/settings/", fields)
    cast.priya.user.refresh_from_db()
    assert (cast.priya.user.email, cast.priya.user.is_staff) == ("priya@halden.example", False)
    with tenant(cast.halden.id):
        assert Membership.objects.get(user=cast.priya.user).role == "member"


def test_members_are_listed_with_their_roles(cast: Cast) -> None:
    page = cast.priya.client().get(f"/o/{cast.priya.slug}/settings/members/").content.decode()
    for shown in ("3 people in Halden &amp; Roe", "Maya Lindqvist", "Owner", "Tomas Okafor", "Administrator"):
        assert shown in page
    assert "ines@borealis.example" not in page


def test_somebody_who_left_is_not_listed_and_not_let_in(cast: Cast) -> None:
    client = cast.priya.client()
    with tenant(cast.halden.id):
        Membership.objects.filter(user=cast.priya.user).update(left_at="2026-11-01T00:00:00Z")
    members = cast.maya.client().get(f"/o/{cast.maya.slug}/settings/members/").content.decode()
    assert "priya@halden.example" not in members
    assert client.get(f"/o/{cast.priya.slug}/settings/").status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("path", ["settings/", "settings/members/"])
def test_settings_of_another_organization_are_not_there(cast: Cast, path: str) -> None:
    assert cast.ines.client().get(f"/o/{cast.maya.slug}/{path}").status_code == HTTPStatus.NOT_FOUND
    signed_out = Client().get(f"/o/{cast.maya.slug}/{path}")
    assert signed_out.headers["Location"].startswith("/account/login/?next=")


def test_a_new_organization_belongs_to_who_made_it(cast: Cast) -> None:
    client = cast.priya.client()
    answer = client.post("/organizations/new/", {"name": "  Kestrel Maps "})
    made = Organization.objects.get(name="Kestrel Maps")
    assert answer.headers["Location"] == f"/o/{made.slug}/chat/"
    with tenant(made.id):
        assert list(Membership.objects.values_list("user_id", "role")) == [(cast.priya.user.id, "owner")]
    assert cast.maya.client().get(f"/o/{made.slug}/chat/").status_code == HTTPStatus.NOT_FOUND


def test_a_new_organization_needs_a_name_and_a_person(cast: Cast) -> None:
    refused = cast.priya.client().post("/organizations/new/", {"name": " "})
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert Client().get("/organizations/new/").headers["Location"].startswith("/account/login/")


def test_two_organizations_may_have_one_name_but_not_one_address(cast: Cast) -> None:
    cast.priya.client().post("/organizations/new/", {"name": "Borealis"})
    slugs = set(Organization.objects.filter(name="Borealis").values_list("slug", flat=True))
    assert len(slugs) == 2


@pytest.mark.parametrize(
    ("asked", "target"), [("/o/halden-roe/runs/", "/o/halden-roe/runs/"), ("//evil.example/", "/")]
)
def test_the_theme_is_kept_and_leads_back(cast: Cast, asked: str, target: str) -> None:
    answer = cast.priya.client().post("/theme/", {"theme": "dark", "contrast": "more", "next": asked})
    assert answer.headers["Location"] == target
    cast.priya.user.refresh_from_db()
    assert (cast.priya.user.theme, cast.priya.user.high_contrast) == ("dark", True)
    page = cast.priya.client().get(f"/o/{cast.priya.slug}/settings/").content.decode()
    assert 'data-theme="dark"' in page
