"""An administrator of one organization tries ids of another everywhere: nothing is read, nothing is changed."""

from collections.abc import Iterator
from http import HTTPStatus

import pytest
from django.db import models
from django.http import HttpResponse

from accounts.models import CustomRole, Membership, Team
from jarvis_site.admin.organization import site
from jarvis_site.kernel.tenancy import tenant
from tests.admin.rows import Rows, remembered, rows_made
from tests.cast import Cast

pytestmark = pytest.mark.django_db

WORD = "zanzibarcanary"
ACTIONS = (
    *("suspend", "restore", "remove", "sign_out", "revoke", "switch_off", "send_again", "withdraw", "let_in"),
    *("decline", "check_again", "give_up", "end_here", "delete_selected"),
)
POSTS = ({"role": "owner", "custom_role": "", "name": "X"}, {"post": "yes"}, {"_saveasnew": "1", "name": "X"})


@pytest.fixture
def rows(cast: Cast) -> Iterator[Rows]:
    """Of Halden; afterwards everything there is as it was."""
    made = rows_made(cast.maya, WORD)
    before = remembered(cast.maya)
    yield made
    assert remembered(cast.maya) == before


def inside(cast: Cast, model: type[models.Model], path: str = "") -> str:
    return f"/o/{cast.ines.slug}/admin/{model._meta.app_label}/{model._meta.model_name}/{path}"


def silent(answer: HttpResponse) -> bool:
    text = answer.content.decode() + str(answer.headers)
    return not any(word in text for word in (WORD, "Maya", "maya@halden.example", "Halden"))


def test_ids_of_others_lead_nowhere(cast: Cast, rows: Rows) -> None:
    client = cast.ines.client(proven=True)
    assert rows.keys() == site._registry.keys()
    for model, row in rows.items():
        for end in ("change/", "delete/", "history/", "", "change/?_popup=1", "change/?_to_field=id"):
            door = inside(cast, model, f"{row.pk}/{end}")
            answer = client.get(door)
            assert answer.status_code in {HTTPStatus.FOUND, HTTPStatus.NOT_FOUND}, door
            assert silent(answer), door
            for fields in POSTS:
                answer = client.post(door, fields)
                assert answer.status_code in {HTTPStatus.FOUND, HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN}, door
                assert silent(answer), door


def test_lists_with_ids_of_others_show_nothing_of_them(cast: Cast, rows: Rows) -> None:
    client = cast.ines.client(proven=True)
    for model, row in rows.items():
        queries = (
            "",
            f"?q={WORD}",
            f"?id={row.pk}",
            f"?id__exact={row.pk}&_popup=1&_to_field=id",
            f"?q={row.pk}",
            "?all=",
        )
        for query in queries:
            answer = client.get(inside(cast, model) + query)
            assert answer.status_code in {HTTPStatus.OK, HTTPStatus.FOUND, HTTPStatus.BAD_REQUEST}, query
            assert str(row.pk) not in answer.content.decode().replace(f"q={row.pk}", "").replace(
                f'value="{row.pk}"', ""
            )
            assert WORD not in answer.content.decode().replace(f"q={WORD}", "").replace(f'value="{WORD}"', "")


def test_actions_on_rows_of_others_do_nothing(cast: Cast, rows: Rows) -> None:
    client = cast.ines.client(proven=True)
    for model, row in rows.items():
        for action in ACTIONS:
            fields = {"action": action, "_selected_action": str(row.pk), "post": "yes", "select_across": "1"}
            assert silent(client.post(inside(cast, model), fields, follow=True)), (model, action)


@pytest.mark.parametrize("column", ["digest", "secret", "organization", "user", "rules"])
def test_to_field_names_nothing_else(cast: Cast, rows: Rows, column: str) -> None:
    for model, row in rows.items():
        answer = cast.ines.client().get(inside(cast, model, f"{row.pk}/change/?_to_field={column}"))
        assert answer.status_code == HTTPStatus.BAD_REQUEST
        assert silent(answer)


def test_rows_of_others_are_no_valid_choice(cast: Cast, rows: Rows) -> None:
    client = cast.ines.client(proven=True)
    team, role = rows[Team], rows[CustomRole]
    added = client.post(inside(cast, Team, "add/"), {"name": "Mine", "parent": str(team.pk)})
    changed = client.post(
        inside(cast, Membership, f"{cast.karim.membership.id}/change/"), {"role": "member", "custom_role": str(role.pk)}
    )
    for answer in (added, changed):
        assert answer.status_code == HTTPStatus.OK
        assert "not one of the available choices" in answer.content.decode()
        assert silent(answer)
    with tenant(cast.borealis.id):
        assert not Team.objects.exists()
    for form in (
        client.get(inside(cast, Team, "add/")),
        client.get(inside(cast, Membership, f"{cast.karim.membership.id}/change/")),
    ):
        assert silent(form)


def test_strangers_find_no_administration_at_the_others_address(cast: Cast, rows: Rows) -> None:
    for model, row in rows.items():
        for end in ("", f"{row.pk}/change/", f"{row.pk}/history/", f"{row.pk}/delete/", "add/"):
            door = inside(cast, model, end).replace(cast.ines.slug, cast.maya.slug)
            for answer in (
                cast.ines.client().get(door),
                cast.ines.client(proven=True).post(door, {"name": "X"}),
            ):
                assert answer.status_code == HTTPStatus.NOT_FOUND, door
                assert silent(answer)
