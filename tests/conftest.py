"""What all tests share. Servers come from `tests.services`, through the settings."""

from collections.abc import Mapping

import pytest
from django.db import connections
from django.test import TransactionTestCase

from tests import services
from tests.cast import *  # noqa: F403 - fixtures
from tests.engine import *  # noqa: F403 - fixtures
from tests.databases import empty_touched_tables, open_all_databases


def pytest_configure() -> None:
    TransactionTestCase._fixture_teardown = empty_touched_tables


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        open_all_databases(item)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    services.stop()


@pytest.fixture
def child_environment(transactional_db: None) -> Mapping[str, str]:
    """The environment for processes a test starts: they see the same database, queues and files as the test."""
    return services.child_environment(str(connections["owner"].settings_dict["NAME"]))
