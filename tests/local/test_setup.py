"""`bin/bootstrap` and `bin/apt-install` on machines that lack something: one line says what, and what to do."""

import shutil
import subprocess
from glob import glob
from pathlib import Path

import pytest

from jarvis_site.local.options import CHECKOUT

_TOOLS = ("cat", "cksum", "dirname", "rm", "tail")
# Tried by their full paths too, which no PATH hides.
_ANYWHERE = glob("/usr/local/bin/python3.1[2-9]") + glob("/opt/homebrew/bin/python3.1[2-9]")  # noqa: PTH207 - absolute
without_python = pytest.mark.skipif(bool(_ANYWHERE), reason=f"{_ANYWHERE} can not be hidden")


class Machine:
    """A checkout with its scripts, and a PATH that holds only what a test puts there."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "path"
        self._path.mkdir()
        self._checkout = folder / "checkout"
        shutil.copytree(CHECKOUT / "bin", self._checkout / "bin")
        for tool in _TOOLS:
            (self._path / tool).symlink_to(shutil.which(tool) or tool)

    def has(self, name: str, script: str) -> None:
        program = self._path / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    def run(self, *command: str) -> tuple[int, list[str]]:
        """The exit status, and the lines a person sees."""
        program = self._checkout / "bin" / command[0]
        done = subprocess.run(
            [program, *command[1:]],
            env={"PATH": str(self._path), "HOME": str(self._path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=30,
            check=False,
        )
        return done.returncode, done.stdout.splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@without_python
def test_a_machine_without_python_is_told_what_to_install(machine: Machine) -> None:
    status, [line] = machine.run("bootstrap")
    assert status == 1
    assert line.startswith("No usable Python 3.12 or newer was found. Install one (or uv)")


@without_python
def test_a_python_that_is_too_old_counts_as_none(machine: Machine) -> None:
    machine.has("python3", "exit 1")
    status, [line] = machine.run("bootstrap")
    assert status == 1
    assert line.startswith("No usable Python 3.12 or newer")


@without_python
def test_a_python_without_venv_is_named_with_the_package_it_lacks(machine: Machine) -> None:
    machine.has("python3", 'case "$2" in *ensurepip*) exit 1 ;; esac')
    status, lines = machine.run("bootstrap")
    assert status == 1
    assert lines == ["python3 has no venv module. On Debian and Ubuntu: apt-get install python3-venv"]


@without_python
def test_a_uv_that_cannot_fetch_a_python_is_not_asked_for_again(machine: Machine) -> None:
    machine.has("uv", '[ "$1" = --version ] || { echo "no network" >&2; exit 2; }')
    status, lines = machine.run("bootstrap")
    assert status == 1
    assert "no network" in lines
    assert lines[-1].startswith("uv could not fetch a Python. Install 3.12 or newer")


@without_python
def test_a_python_that_uv_keeps_to_itself_is_used(machine: Machine, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text(f'#!/bin/sh\ncase "$2" in *executable*) echo {kept} ;; esac\n')
    kept.chmod(0o755)
    machine.has("uv", f'[ "$1" != python ] || echo {kept}')
    status, lines = machine.run("bootstrap")
    assert status == 0
    assert lines[0].startswith("Creating .venv with ")
    assert lines[0].endswith(f"({kept})")


def test_packages_are_installed_without_a_flood_of_words(machine: Machine) -> None:
    machine.has("id", "echo 0")
    machine.has("apt-get", "echo Unpacking")
    assert machine.run("apt-install", "chromium") == (0, ["Installing chromium with apt-get"])


def test_what_apt_get_says_is_shown_when_it_fails(machine: Machine) -> None:
    machine.has("id", "echo 0")
    machine.has("apt-get", 'echo "E: Unable to locate package"; exit 100')
    status, lines = machine.run("apt-install", "chromium")
    assert status == 1
    assert lines[-1] == "E: Unable to locate package"


def test_without_the_right_to_install_nothing_is_tried(machine: Machine) -> None:
    machine.has("id", "echo 1000")
    machine.has("apt-get", "echo called")
    assert machine.run("apt-install", "chromium") == (1, [])
