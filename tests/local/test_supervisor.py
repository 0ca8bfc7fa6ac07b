"""`make run`: what a person sees, and what it survives. One start is shared by all tests that need a running site."""

import http.client
import json
import os
import signal
import socket
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from jarvis_site.local.process import alive, wait_until
from tests.local.site import HEAL_SECONDS, STOP_SECONDS, Site, clean_environment, command, free_port

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("supervisor"), pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def place() -> Iterator[Site]:
    """In a folder with a space in its name, which everything that quotes must survive."""
    with tempfile.TemporaryDirectory(prefix="jarvis site ") as name:
        folder = Path(name)
        folder.chmod(0o755)
        site = Site(folder)
        yield site
        site.end()


@pytest.fixture
def site(place: Site) -> Site:
    """A running site; started again only after a test that ended it."""
    if not place.running:
        place.start()
    return place


def _all_well(site: Site) -> bool:
    return all(pid is not None and alive(pid) for pid in site.processes().values()) and site.answers()


def test_the_address_and_a_sign_in_are_shown(site: Site) -> None:
    assert f"Jarvis is at {site.url}/" in site.said
    assert "Sign in as " in site.said


def test_the_page_leads_to_the_sign_in(site: Site) -> None:
    with urllib.request.urlopen(f"{site.url}/", timeout=20) as page:  # noqa: S310 - our own address
        assert page.status == http.client.OK
        assert b"password" in page.read()


def test_status_names_every_process(site: Site) -> None:
    shown = command("status", environment=site.environment)
    assert shown.returncode == 0
    assert all(name in shown.stdout for name in ("web", "worker", "postgresql", "valkey"))


@pytest.mark.parametrize("name", ["web", "worker", "valkey", "postgresql"])
def test_a_killed_process_is_named_and_started_again(site: Site, name: str) -> None:
    assert wait_until(lambda: _all_well(site), seconds=HEAL_SECONDS)
    killed = site.processes()[name]
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    assert wait_until(lambda: site.processes()[name] not in {killed, None}, seconds=HEAL_SECONDS), site.said
    assert wait_until(lambda: _all_well(site), seconds=HEAL_SECONDS), site.said
    assert "[warn]" in site.said
    assert name in site.said.lower().partition("[warn]")[2]


def test_a_second_start_says_that_it_runs_already(site: Site) -> None:
    second = command("run", environment=site.environment)
    assert second.returncode == 2
    assert f"already runs here at {site.url}/" in second.stdout


def test_a_command_runs_against_the_running_services(site: Site) -> None:
    shown = command("with", "--", "env", environment=site.environment)
    assert "DATABASE_OWNER_URL=" in shown.stdout
    assert _all_well(site)


def test_a_killed_supervisor_leaves_nothing_running_and_the_next_start_finds_the_data(site: Site) -> None:
    site.send(signal.SIGKILL)
    assert wait_until(lambda: not site.left_over(), seconds=STOP_SECONDS), site.left_over()
    site.start()
    assert _all_well(site)
    assert "Database migrated" not in site.said  # nothing changed


def test_ctrl_c_ends_everything_in_order(site: Site) -> None:
    assert site.send(signal.SIGINT) == 0
    assert site.left_over() == []
    ends = [site.said.index(f"{name} ended") for name in ("web", "worker")]
    assert ends == sorted(ends)


def test_make_stop_ends_it_from_elsewhere(site: Site) -> None:
    assert command("stop", environment=site.environment).returncode == 0
    assert site.wait() == 0
    assert site.left_over() == []
    assert command("status", environment=site.environment).returncode == 1


def test_a_busy_port_is_said_at_once_with_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        began = time.monotonic()
        refused = command("run", environment=clean_environment(tmp_path / "state", port=port))
    assert refused.returncode == 2
    assert refused.stdout.strip().endswith(f"PORT={port + 1} make run")
    assert len(refused.stdout.strip().splitlines()) == 1
    assert not (tmp_path / "state" / "postgres").exists()
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("port", ["eighty", "0", "70000"])
def test_a_port_that_is_none_is_refused_in_one_line(tmp_path: Path, port: str) -> None:
    environment = clean_environment(tmp_path, port=1) | {"PORT": port}
    refused = command("run", environment=environment)
    assert refused.returncode == 1
    assert refused.stdout.startswith("[fail] PORT must be a number")


def test_a_lock_file_of_a_dead_supervisor_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "supervisor.lock").touch()
    (tmp_path / "supervisor.json").write_text(json.dumps({"pid": 1, "url": "http://127.0.0.1:1"}))
    shown = command("status", environment=clean_environment(tmp_path, port=free_port()))
    assert shown.stdout.startswith("Jarvis does not run here")
