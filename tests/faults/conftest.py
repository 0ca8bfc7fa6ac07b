"""Workers on either broker."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.faults.apart import Apart, used_here
from tests.faults.counts import PROPERTY, Count
from tests.faults.processes import Broker, Engine, RabbitBroker, ValkeyBroker
from tests.rabbitmq import RabbitMQ

# All in one process of a parallel run, so that there is one node: starting it takes longer than most tests.
ON_RABBITMQ = pytest.param("rabbitmq", marks=pytest.mark.xdist_group("rabbitmq"))


@pytest.fixture
def count(record_property: Callable[[str, object], None]) -> Count:
    """Say what a test has done: a name, and numbers by keyword (underscores are printed as spaces)."""

    def tell(what: str, **numbers: float) -> None:
        counts = {name.replace("_", " "): number for name, number in numbers.items()}
        record_property(PROPERTY, (what, counts))

    return tell


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[RabbitMQ]:
    """The session's node, started by the first test that asks for it."""
    with tempfile.TemporaryDirectory(prefix="jarvis-rabbitmq-") as folder:
        node = RabbitMQ(Path(folder) / "node")
        try:
            node.start()
            yield node
        finally:
            node.stop()


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a short path: the name of a socket has room for a hundred characters."""
    with tempfile.TemporaryDirectory(prefix="jarvis-engine-") as folder:
        yield Path(folder)


@pytest.fixture
def apart(transactional_db: None) -> Iterator[Apart]:
    """A PostgreSQL of the test's own, which its connections lead to; ask for `cast` only after it."""
    with tempfile.TemporaryDirectory(prefix="jarvis-apart-") as folder:
        server = Apart(Path(folder))
        try:
            server.start()
            with used_here(server):
                yield server
        finally:
            server.stop()


@pytest.fixture(params=["valkey", ON_RABBITMQ])
def broker(request: pytest.FixtureRequest, place: Path) -> Broker:
    if request.param == "rabbitmq":
        return RabbitBroker(request.getfixturevalue("rabbitmq"))
    return ValkeyBroker(place)


@pytest.fixture
def engine(child_environment: Mapping[str, str], place: Path, broker: Broker) -> Iterator[Engine]:
    """A running worker; what a test adds to `engine.environment` holds for those it starts."""
    running = Engine(place, child_environment, broker=broker)
    try:
        running.start()
        yield running
    finally:
        running.stop()
