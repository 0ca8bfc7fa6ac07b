"""The sample client of `docs/samples`, as a program of its own, against the running site."""

import json
import os
import re
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from jarvis_site.local.options import CHECKOUT
from jarvis_site.local.process import wait_until
from tests.e2e.site import RunningSite

CLIENT = CHECKOUT / "docs/samples/run_client.py"
# Bounded, and long enough for two busy cores: the worker polls for what it was not told about.
PATIENCE_SECONDS = 120
MAKE_KEY = """
from pathlib import Path
from accounts.models import User
from accounts.selectors import actor_for
from accounts.services.keys import key_create
from jarvis_site.kernel.tenancy import tenant
actor = actor_for(user=User.objects.get(email={email!r}), slug={slug!r})
with tenant(actor.organization_id, member=actor.member_id):
    issued = key_create(actor=actor, name="Sample", scopes={scopes!r}, lifetime=None)
Path({file!r}).write_text(issued.text)
"""
ALL = ["*", "approvals.decide"]
BUTTONS = [{"id": "yes", "label": "Yes"}, {"id": "no", "label": "No"}]


@pytest.fixture(scope="session")
def key(site: RunningSite) -> str:
    return key_made(site, ALL)


def key_made(site: RunningSite, scopes: Sequence[str]) -> str:
    file = site.folder / "key.txt"
    site.shell(MAKE_KEY.format(email=site.owner.email, slug=site.slug, scopes=list(scopes), file=str(file)))
    return file.read_text()


def begun(site: RunningSite, key: str, *arguments: str, url: str = "") -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, str(CLIENT), f"{url or site.url}/o/{site.slug}", *arguments],
        env={"PATH": os.environ["PATH"], "JARVIS_API_KEY": key},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ran(site: RunningSite, key: str, *arguments: str, typed: str = "") -> tuple[int, str, str]:
    """Exit status, and what it wrote to both."""
    return ended(begun(site, key, *arguments), typed)


def ended(process: "subprocess.Popen[str]", typed: str = "") -> tuple[int, str, str]:
    with process:
        try:
            out, err = process.communicate(typed, timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            pytest.fail(f"It does not end:\n{out}\n{err}")
        return process.returncode, out, err


def plan_file(folder: Path, *steps: dict[str, Any]) -> str:
    file = folder / "plan.json"
    file.write_text(json.dumps({"goal": "Try the sample", "steps": steps}))
    return str(file)


def numbers(out: str) -> list[int]:
    return [int(found) for found in re.findall(r"^ *(\d+)  \d\d:\d\d:\d\d  ", out, re.MULTILINE)]


def test_words_are_carried_out(site: RunningSite, key: str) -> None:
    status, out, err = ran(site, key, "What is on my calendar on Friday?")
    assert (status, err) == (0, "")
    assert "The run is over: succeeded." in out
    assert numbers(out) == list(range(1, len(numbers(out)) + 1))
    assert "\033" not in out  # no terminal, no colours


def test_words_that_nobody_understands_say_so(site: RunningSite, key: str) -> None:
    status, out, _err = ran(site, key, "Qwertz asdf jkl")
    assert status == 3
    assert out.strip()


def test_a_plan_is_approved_and_its_question_answered(site: RunningSite, key: str, tmp_path: Path) -> None:
    plan = plan_file(
        tmp_path,
        {
            "id": "1",
            "tool": "flow.ask",
            "title": "Ask how many come",
            "arguments": {
                "text": "How many come?",
                "buttons": BUTTONS,
                "fields": [{"name": "count", "label": "How many", "type": "number", "required": True}],
            },
        },
        {
            "id": "2",
            "tool": "mail.send",
            "title": "Mail Raj",
            "arguments": {"to": ["raj@example.com"], "subject": "Hello", "body": "We are coming."},
            "depends_on": ["1"],
            "only_if": [{"step": "1", "outcome": "yes"}],
        },
    )
    # Approve; a number that is none is asked for again; an unknown button, too.
    status, out, err = ran(site, key, "--plan", plan, typed="what\na\nmany\nyes\n12\nperhaps\nyes\n")
    assert (status, err) == (0, ""), out
    assert out.count("How many:") == 2, out
    assert "mail: Hello" in out


def test_a_plan_that_is_declined_stops(site: RunningSite, key: str, tmp_path: Path) -> None:
    mail = {"to": ["raj@example.com"], "subject": "Hello", "body": "Hi"}
    plan = plan_file(tmp_path, {"id": "1", "tool": "mail.send", "title": "Mail Raj", "arguments": mail})
    status, out, _err = ran(site, key, "--plan", plan, typed="d\nNot today\n")
    assert status == 4, out

    status, _out, err = ran(site, key, "--plan", plan, "--no-input")
    assert status == 5
    run = re.search(r"--run (\S+)", err)
    assert run
    status, out, _err = ran(site, key, "--run", run[1], typed="a\n")
    assert status == 0, out


def test_what_is_wrong_is_said(site: RunningSite, key: str, tmp_path: Path) -> None:
    plan = plan_file(tmp_path, {"id": "1", "tool": "no.such", "arguments": {}})
    status, _out, err = ran(site, key, "--plan", plan)
    assert status == 6
    assert "(unknown_tool)" in err
    assert ran(site, "jv_key_wrong", "hello")[0] == 6
    assert ran(site, "", "hello")[0] == 2
    assert ran(site, key, "--plan", str(tmp_path / "missing.json"))[0] == 2
    assert ran(site, key)[0] == 2
    help_ = subprocess.run([sys.executable, str(CLIENT), "--help"], capture_output=True, text=True, check=True)
    assert "JARVIS_API_KEY" in help_.stdout


def test_it_goes_on_after_the_connection_was_cut(site: RunningSite, key: str, tmp_path: Path) -> None:
    """Each event is shown once, in order; a request whose answer was lost is not carried out twice."""
    plan = plan_file(
        tmp_path,
        {"id": "w", "tool": "flow.wait", "title": "Wait", "arguments": {"minutes": 0.05}},
        {"id": "2", "tool": "files.list", "title": "List", "arguments": {"path": ""}, "depends_on": ["w"]},
    )
    before = runs(site, key)
    with cutting(site.port) as proxy:
        proxy.answers_to_lose = 1
        process = begun(site, key, "--plan", plan, url=f"http://127.0.0.1:{proxy.port}")
        assert wait_until(lambda: proxy.streams == 1, seconds=PATIENCE_SECONDS)
        proxy.cut()
        status, out, err = ended(process)
    assert (status, err) == (0, ""), out
    assert numbers(out) == list(range(1, len(numbers(out)) + 1))
    assert proxy.streams > 1
    assert runs(site, key) == before + 1


def runs(site: RunningSite, key: str) -> int:
    address = f"{site.url}/api/v1/o/{site.slug}/runs/?limit=100"
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {key}"})  # noqa: S310 - our own site
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        return len(json.loads(answer.read())["items"])


class Proxy:
    """Passes connections on to the site, and can cut them.

    Attributes:
        answers_to_lose: answers to POSTs that are dropped after the site has given them.
        streams: streams of events that were asked for.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        self._open: list[socket.socket] = []
        self.answers_to_lose = 0
        self.streams = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self) -> None:
        for one in self._open:
            end(one)

    def close(self) -> None:
        self._door.close()
        self.cut()

    def _serve(self) -> None:
        while True:
            try:
                near, _address = self._door.accept()
            except OSError:
                return
            threading.Thread(target=self._pass, args=[near], daemon=True).start()

    def _pass(self, near: socket.socket) -> None:
        far = socket.create_connection(("127.0.0.1", self._target))
        self._open += [near, far]
        asked = near.recv(65_536)
        far.sendall(asked)
        lose = asked.startswith(b"POST") and self.answers_to_lose > 0
        self.answers_to_lose -= lose
        threading.Thread(target=_pump, args=[near, far], daemon=True).start()
        if lose:
            far.recv(65_536)
            end(near)
            return
        if b"/events/stream" in asked:
            near.sendall(far.recv(65_536))
            self.streams += 1
        _pump(far, near)


def end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


@contextmanager
def cutting(target: int) -> Iterator[Proxy]:
    proxy = Proxy(target)
    try:
        yield proxy
    finally:
        proxy.close()
