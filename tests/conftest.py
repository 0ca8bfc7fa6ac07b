"""What all tests share. Servers come from `tests.services`, through the settings."""

import asyncio
import os
import shutil
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import TransactionTestCase
from pytest_django import DjangoDbBlocker

from jarvis_site.local.process import wait_until
from tests import services
from tests.audit import counts as audit
from tests.cast import *  # noqa: F403 - fixtures
from tests.databases import empty_touched_tables, open_all_databases, sessions_in
from tests.engine import *  # noqa: F403 - fixtures
from tests.faults import counts as faults
from tests.isolation import counts as isolation
from tests.permissions import injections

CLOSING_SECONDS = 15


def pytest_configure() -> None:
    TransactionTestCase._fixture_teardown = empty_touched_tables


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        open_all_databases(item)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    services.stop()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many cases isolation and injections tried, and what was done by faults and to the record."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    counted = {
        "isolation": isolation.summary,
        "faults": faults.summary,
        "audit": audit.summary,
        "injections": injections.summary,
    }
    for name, summary in counted.items():
        lines = summary([report for report in reports if isinstance(report, pytest.TestReport)])
        if lines:
            terminalreporter.section(name)
            terminalreporter.write("\n".join(lines) + "\n")


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    """What a process keeps of the organizations' permissions belongs to another test's database."""
    from agents.orchestrator import figures  # apps are not ready when this file is read
    from permissions import standing

    figures.forget()
    standing.forget()


@pytest.fixture
def child_environment(transactional_db: None) -> Mapping[str, str]:
    """The environment for processes a test starts: they see the same database, queues and files as the test."""
    return services.child_environment(str(connections["owner"].settings_dict["NAME"]))


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """The Chromium that `make test` found or installed; a missing one is a failure, not a reason to skip."""
    found = [os.environ.get("CHROMIUM"), *map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))]
    path = next(filter(None, found), None)
    if path is None:
        pytest.fail("The browser tests need a Chromium: install the package 'chromium', or set CHROMIUM.")
    # Chromium refuses to sandbox itself for root.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    return {**browser_type_launch_args, "executable_path": path, "args": arguments}


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The stock fixture drops the database through the owner; the other roles' connections would be in its way."""
    yield
    names = [connection.settings_dict["NAME"] for connection in connections.all()]
    connections.close_all()
    # Asynchronous tests do their synchronous work in one thread, which keeps its connection.
    asyncio.run(sync_to_async(connections.close_all)())
    # A server process outlives the test's child or thread that it served by a moment; a leak lasts, and fails the drop.
    with django_db_blocker.unblock():
        wait_until(lambda: not sessions_in(names), seconds=CLOSING_SECONDS)
