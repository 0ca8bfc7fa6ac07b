"""The embedded PostgreSQL and Valkey: what a person may do to them, and what they must survive."""

import os
import signal
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from jarvis_site.local.places import LONGEST_RUN_FOLDER, Places
from jarvis_site.local.postgres import SUPERUSER, Postgres
from jarvis_site.local.process import alive, wait_until
from jarvis_site.local.valkey import Valkey


@pytest.fixture
def state() -> Iterator[Path]:
    """A folder that other accounts may pass; pytest's own are closed."""
    with tempfile.TemporaryDirectory(prefix="jarvis-state-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def _remove_elsewhere(state: Path) -> None:
    for note in state.glob("*.path"):
        subprocess.run(["rm", "-rf", note.read_text().strip()], check=True)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Postgres]:
    """Created once; each test finds it running and leaves it as it likes."""
    with tempfile.TemporaryDirectory(prefix="jarvis-state-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = Postgres(folder, flags={"fsync": "off"})
        yield server
        server.stop()


@pytest.fixture
def postgres(cluster: Postgres) -> Postgres:
    if not cluster.running:
        cluster.start()
    return cluster


@pytest.fixture
def valkey(state: Path) -> Iterator[Valkey]:
    server = Valkey(state)
    server.start()
    yield server
    server.stop()


def _write(server: Postgres) -> None:
    with psycopg.connect(server.address(SUPERUSER)) as connection:
        connection.execute("DROP TABLE IF EXISTS kept")
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")


def _read(server: Postgres) -> int:
    with psycopg.connect(server.address(SUPERUSER)) as connection:
        row = connection.execute("SELECT number FROM kept").fetchone()
    assert row is not None
    return int(row[0])


def test_the_roles_the_settings_name_can_sign_in_and_are_no_superusers(postgres: Postgres) -> None:
    for role in ("jarvis_app", "jarvis_platform", "jarvis_owner"):
        with psycopg.connect(postgres.address(role)) as connection:
            row = connection.execute(
                "SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
            ).fetchone()
        assert row == (False, False)


def test_text_sorts_and_folds_beyond_ascii_and_extensions_are_there(postgres: Postgres) -> None:
    with psycopg.connect(postgres.address(SUPERUSER)) as connection:
        row = connection.execute(
            "SELECT upper('é'), to_tsvector('simple', 'Ærø') @@ 'ærø', '[1,2]'::vector <-> '[1,2]', unaccent('é')"
        ).fetchone()
    assert row == ("É", True, 0.0, "e")


def test_a_killed_server_comes_back_with_everything_committed(postgres: Postgres) -> None:
    _write(postgres)
    assert postgres.pid is not None
    os.kill(postgres.pid, signal.SIGKILL)
    assert wait_until(lambda: not postgres.running, seconds=5)
    postgres.start()
    assert _read(postgres) == 7


def test_a_server_still_running_on_the_data_is_taken_over_and_can_be_stopped(postgres: Postgres) -> None:
    _write(postgres)
    second = Postgres(postgres.places.state)
    second.start()
    assert (second.pid, _read(second)) == (postgres.pid, 7)
    second.stop()
    assert wait_until(lambda: not postgres.running, seconds=5)


def test_a_stale_pid_file_that_names_another_program_does_not_stop_the_start(postgres: Postgres) -> None:
    _write(postgres)
    assert postgres.pid is not None
    os.kill(postgres.pid, signal.SIGKILL)
    assert wait_until(lambda: not postgres.running, seconds=5)
    pid_file = postgres.data / "postmaster.pid"
    _, *rest = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getppid()), *rest]) + "\n")
    postgres.start()
    assert _read(postgres) == 7


def test_the_folders_are_closed_to_everybody_else(postgres: Postgres) -> None:
    for folder in (postgres.places.run, postgres.data, postgres.data.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_long_path_with_spaces_gets_short_plain_sockets_and_keeps_its_data(state: Path) -> None:
    state = state / ("a folder with spaces " + "x" * LONGEST_RUN_FOLDER)
    server, queue = Postgres(state), Valkey(state)
    try:
        server.start()
        queue.start()
        assert server.data.is_relative_to(state)
        assert len(str(server.places.run)) < LONGEST_RUN_FOLDER
        assert Places(state).run == server.places.run
        assert redis.Redis.from_url(queue.address()).ping()
    finally:
        queue.stop()
        server.stop()
        _remove_elsewhere(state)


def test_no_server_runs_as_root_even_below_a_closed_folder(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    server = Postgres(closed / "state")
    try:
        server.start()
        assert server.pid is not None
        assert Path(f"/proc/{server.pid}").stat().st_uid != 0
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    finally:
        server.stop()
        _remove_elsewhere(closed / "state")


def test_a_killed_valkey_keeps_what_was_queued(valkey: Valkey) -> None:
    client = redis.Redis.from_url(valkey.address())
    client.rpush("celery", "nudge")
    client.execute_command("CONFIG", "SET", "appendfsync", "always")
    client.rpush("celery", "nudge")
    assert valkey.pid is not None
    os.kill(valkey.pid, signal.SIGKILL)
    assert wait_until(lambda: not valkey.running, seconds=5)
    valkey.start()
    assert redis.Redis.from_url(valkey.address()).llen("celery") == 2


def test_a_valkey_still_running_is_taken_over_and_can_be_stopped(valkey: Valkey, state: Path) -> None:
    second = Valkey(state)
    second.start()
    pid = second.pid
    assert pid is not None
    assert pid == valkey.pid
    second.stop()
    assert wait_until(lambda: not valkey.running, seconds=5)
    assert not alive(pid)
