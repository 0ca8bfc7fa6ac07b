"""`python -m jarvis_site.local run`, and its smaller relatives."""

import argparse
import io
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from jarvis_site.local.errors import AlreadyRunningError, LocalError
from jarvis_site.local.lock import Lock
from jarvis_site.local.options import CHECKOUT, Options, read_options
from jarvis_site.local.places import Places
from jarvis_site.local.preparation import Preparation
from jarvis_site.local.services import Services
from jarvis_site.local.supervisor import Supervisor, product_environment
from jarvis_site.local.terminal import Terminal

FAILED, REFUSED = 1, 2


def run(options: Options, terminal: Terminal) -> int:
    """Start everything and stay until Ctrl-C."""
    Supervisor(options, terminal).run()
    terminal.say("Nothing runs any more; the data are kept.")
    return 0


def status(options: Options, terminal: Terminal) -> int:
    """Say what runs; status 1 when nothing does."""
    holder = Lock(options.state).holder()
    if holder is None:
        terminal.say("Jarvis does not run here. Start it with: make run")
        return FAILED
    terminal.say(f"Jarvis is at {holder.get('url')}/ (process {holder.get('pid')})")
    for name, pid in holder.get("processes", {}).items():
        terminal.say(f"  {name:<10} {f'process {pid}' if pid else 'being started again'}")
    return 0


def stop(options: Options, terminal: Terminal) -> int:
    """End the supervisor that runs here, and with it everything it started."""
    with terminal.step("Stopping") as step:
        if not Lock(options.state).stop_holder():
            step.detail = "was not needed: nothing runs here"
    return 0


def demo(options: Options, terminal: Terminal) -> int:
    """Migrate, create the demo data and print the sign-in."""
    with _services(options, terminal) as services:
        preparation = Preparation(
            state=options.state,
            environment=product_environment(options, services),
            log=Places(options.state).log("prepare"),
            postgres=services.postgres,
        )
        with terminal.step("Database migrated"):
            preparation.manage("migrate", "--database", "owner", "--no-input")
        with terminal.step("Demo organization"):
            sign_in = preparation.seed()
    terminal.say(f"Sign in as {sign_in['email']} with the password {sign_in['password']}")
    return 0


def run_with(options: Options, command: Sequence[str]) -> int:
    """Run one command against the services, started for it unless they run already."""
    # The output belongs to the command.
    progress = Terminal(sys.stderr if options.verbose else io.StringIO())
    with _services(options, progress) as services:
        environment = product_environment(options, services)
        return subprocess.run(command, env=environment, cwd=CHECKOUT, check=False).returncode


@contextmanager
def _services(options: Options, terminal: Terminal) -> Iterator[Services]:
    """The services of the running supervisor, or ones started for this moment."""
    Places(options.state)
    lock, services = Lock(options.state), Services(options.state)
    if lock.holder() is not None:
        yield services
        return
    lock.take()
    try:
        services.start(terminal)
        yield services
    finally:
        services.stop()
        lock.release()


_COMMANDS: dict[str, Callable[[Options, Terminal], int]] = {"run": run, "status": status, "stop": stop, "demo": demo}


def main(arguments: Sequence[str]) -> int:
    """Return the exit status: 2 when something else is in the way, 1 for other failures."""
    parser = argparse.ArgumentParser(prog="python -m jarvis_site.local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, function in _COMMANDS.items():
        commands.add_parser(name, help=function.__doc__)
    with_command = commands.add_parser("with", help=run_with.__doc__)
    with_command.add_argument("words", nargs=argparse.REMAINDER)
    chosen = parser.parse_args(arguments)
    terminal = Terminal()
    try:
        options = read_options()
        if chosen.command == "with":
            return run_with(options, [word for word in chosen.words if word != "--"])
        return _COMMANDS[chosen.command](options, terminal)
    except AlreadyRunningError as error:
        terminal.fail(str(error))
        return REFUSED
    except LocalError as error:
        terminal.fail(str(error))
        return FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
