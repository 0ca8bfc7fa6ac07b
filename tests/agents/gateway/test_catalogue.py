"""What the catalogue knows of the tools."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from agents.contracts import Reversibility, Risk
from agents.gateway import catalogue


def test_tools_are_listed_in_the_order_of_their_declaration() -> None:
    assert [spec.name for spec in catalogue.tools()][:3] == ["demo.echo", "demo.refuse", "demo.conflict"]


def test_a_tool_is_found_by_its_full_name() -> None:
    spec = catalogue.find("demo.refuse")
    assert spec is not None
    assert (spec.server, spec.risk, spec.reversibility) == ("demo", Risk.MEDIUM, Reversibility.FINAL)
    assert spec.destructive
    assert spec.reaches_people
    assert spec.icon == "mail"
    assert catalogue.find("refuse") is None


def test_two_servers_of_one_name_stop_the_start(settings: Settings) -> None:
    settings.TOOL_SERVERS = ["tests.agents.gateway.demo", "tests.agents.gateway.demo"]
    with pytest.raises(ImproperlyConfigured, match="demo"):
        catalogue.tools()


def test_every_built_in_server_loads(settings: Settings) -> None:
    settings.TOOL_SERVERS = ["agents.servers.files"]
    assert [spec.name for spec in catalogue.tools()] == [
        "files.list",
        "files.read",
        "files.find",
        "files.write",
        "files.delete",
        "files.restore",
        "files.undo_change",
    ]
