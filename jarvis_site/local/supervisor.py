"""`make run`: everything started in order, watched while it runs, ended in order."""

import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

from jarvis_site.local.children import DRAIN_SECONDS, Child, product_children
from jarvis_site.local.errors import LocalError
from jarvis_site.local.lock import Lock
from jarvis_site.local.options import Options, check_port
from jarvis_site.local.places import Places
from jarvis_site.local.preparation import Preparation
from jarvis_site.local.process import last_lines, wait_until
from jarvis_site.local.services import Services
from jarvis_site.local.terminal import Terminal

# How soon a death is noticed.
WATCH_SECONDS = 0.2
# Django, Celery and all tool servers are loaded in about three seconds on two cores; a busy machine takes longer.
CHILD_READY_SECONDS = 120.0


class Stopped(BaseException):
    """Ctrl-C or SIGTERM. Not an error, so that nothing catches it on its way to the orderly end."""


class Supervisor:
    """Owns the services and the product's processes of one state folder."""

    def __init__(self, options: Options, terminal: Terminal) -> None:
        self._options = options
        self._terminal = terminal
        self._places = Places(options.state)
        self._lock = Lock(options.state)
        self._services = Services(options.state)
        self._children: list[Child] = []

    def run(self) -> None:
        """Return after Ctrl-C or SIGTERM, when nothing runs any more.

        Raises:
            AlreadyRunningError: another supervisor runs here, or the port is taken.
            LocalError: something does not start, or does not stay.
        """
        with _signals_stop_us():
            try:
                self._take_hold()
                self._watch(self._start())
            except Stopped:
                _ignore_signals()
                self._terminal.say()
            finally:
                _ignore_signals()
                self._stop()

    def _take_hold(self) -> None:
        self._lock.take(url=self._options.url)
        check_port(self._options)

    def _start(self) -> dict[str, Any]:
        """Return the demo sign-in."""
        self._services.start(self._terminal)
        environment = product_environment(self._options, self._services)
        sign_in = self._prepare(environment)
        self._children = product_children(self._options, logs=self._places.log, environment=environment)
        for child in self._children:
            child.start()
        for child in self._children:
            self._wait_for(child)
        self._describe()
        return sign_in

    def _prepare(self, environment: Mapping[str, str]) -> dict[str, Any]:
        preparation = Preparation(
            state=self._options.state,
            environment=environment,
            log=self._places.log("prepare"),
            postgres=self._services.postgres,
        )
        return preparation.run(self._terminal)

    def _wait_for(self, child: Child) -> None:
        with self._terminal.step(child.name):
            wait_until(lambda: not child.running or child.ready(child), seconds=CHILD_READY_SECONDS)
            if not child.running or not child.ready(child):
                what = "ended" if not child.running else f"did not get ready in {CHILD_READY_SECONDS:.0f} s"
                raise LocalError(f"{child.name} {what}. The end of {child.log}:\n{last_lines(child.log, count=15)}")

    def _watch(self, sign_in: Mapping[str, Any]) -> None:
        """Heal what ends, and show what the logs say, until a signal comes."""
        self._announce(sign_in)
        while True:
            time.sleep(WATCH_SECONDS)
            changed = self._services.heal(self._terminal)
            for child in self._children:
                changed |= self._look_after(child)
            if changed:
                self._describe()

    def _look_after(self, child: Child) -> bool:
        child.tail.show(self._terminal, everything=self._options.verbose)
        before = child.pid
        said = child.heal()
        if said:
            self._terminal.warn(said)
        if child.pid not in {before, None}:
            self._terminal.warn(f"{child.name} runs again")
        return child.pid != before

    def _announce(self, sign_in: Mapping[str, Any]) -> None:
        say = self._terminal.say
        say()
        say(f"  Jarvis is at {self._options.url}/")
        if sign_in:
            say(f"  Sign in as {sign_in['email']} with the password {sign_in['password']}")
        if not self._options.only_here:
            self._terminal.warn("Reachable from other machines, with a demo password everybody can read.")
        say(f"  Logs are in {self._places.state / 'log'}. Ctrl-C ends everything.")
        say()

    def _describe(self) -> None:
        pids = self._services.processes() | {child.name: child.pid for child in self._children}
        self._lock.describe(url=self._options.url, processes=pids)

    def _stop(self) -> None:
        started = [child for child in self._children if child.process is not None]
        for child in started:
            with self._terminal.step(f"{child.name} ended"):
                child.stop()
        self._services.stop()
        self._lock.release()


def product_environment(options: Options, services: Services) -> dict[str, str]:
    """Our environment with the addresses of what runs here; what a person set stays as it is."""
    defaults = {"JARVIS_STATE_DIR": str(options.state), "JARVIS_SITE_URL": options.url, "PYTHONUNBUFFERED": "1"}
    defaults["JARVIS_DRAIN_SECONDS"] = str(DRAIN_SECONDS)
    if not options.only_here:
        defaults["JARVIS_HOSTS"] = f"localhost,127.0.0.1,[::1],{options.host}"
    return {**defaults, **os.environ, **services.environment()}


@contextmanager
def _signals_stop_us() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a handler's shape
        _ignore_signals()
        raise Stopped

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore_signals() -> None:
    """What ends is bounded in time; a second Ctrl-C would only leave things running."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
