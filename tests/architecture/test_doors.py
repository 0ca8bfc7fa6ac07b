"""Nothing is reachable that is not in the table of doors, and the table names nothing that is gone."""

from collections.abc import Iterable

import pytest
from django.test import Client

from tests.architecture.doors import (
    COMMANDS,
    INSIDE,
    OPERATIONS,
    PAGES,
    TOOLS,
    TOPICS,
    Who,
    operations,
    routes,
    tools,
    topics_and_commands,
)

OPEN = sorted(path for path, who in PAGES.items() if who is Who.EVERYBODY and "<" not in path)
INNER = {Who.MEMBER, Who.ADMIN, Who.OWNER}
PERSONAL = sorted(path.replace("<int:pk>", "1") for path, who in PAGES.items() if who is Who.SIGNED_IN)


def compare(found: set[str], listed: Iterable[str]) -> None:
    unlisted, gone = sorted(found - set(listed)), sorted(set(listed) - found)
    assert not unlisted, f"say in tests/architecture/doors.py who may use: {unlisted}"
    assert not gone, f"these doors are gone; take them off the table: {gone}"


def test_every_address_is_on_the_table() -> None:
    compare({route.path for route in routes()}, PAGES)


def test_every_operation_of_the_api_is_on_the_table() -> None:
    compare(set(operations()), OPERATIONS)


def test_every_topic_and_command_is_on_the_table() -> None:
    topics, commands = topics_and_commands()
    compare(topics, TOPICS)
    compare(commands, COMMANDS)


def test_every_tool_is_on_the_table() -> None:
    compare(tools(), TOOLS)


def test_what_belongs_to_an_organization_stands_below_its_address() -> None:
    outside = [path for path, who in PAGES.items() if who in INNER and not path.startswith(INSIDE)]
    assert not outside


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", sorted(path for path, who in PAGES.items() if who is Who.EVERYBODY and "<" not in path)
)
def test_a_door_for_everybody_opens_without_a_sign_in(client: Client, path: str) -> None:
    answer = client.get(f"/{path}")
    assert answer.status_code in {200, 302, 404, 405}, path  # 404: the API's root; 405: the look is only posted


@pytest.mark.django_db
@pytest.mark.parametrize("path", PERSONAL)
def test_a_door_for_people_leads_others_to_the_sign_in(client: Client, path: str) -> None:
    answer = client.get(f"/{path}")
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/account/login/")
