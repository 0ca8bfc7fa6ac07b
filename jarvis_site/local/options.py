"""What a person may choose about `make run`, from the environment."""

import errno
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jarvis_site.local.errors import AlreadyRunningError, LocalError

CHECKOUT = Path(__file__).resolve().parents[2]
_HIGHEST_PORT = 65535
_EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104 - compared, not bound
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True)
class Options:
    """Where the state is kept and where the page is served."""

    state: Path
    host: str
    port: int
    verbose: bool

    @property
    def url(self) -> str:
        shown = "127.0.0.1" if self.host in _EVERYWHERE else self.host
        return f"http://{f'[{shown}]' if ':' in shown else shown}:{self.port}"

    @property
    def only_here(self) -> bool:
        return self.host in _LOOPBACK


def read_options(environment: Mapping[str, str] = os.environ) -> Options:
    """Raises LocalError when PORT is no port."""
    text = environment.get("PORT") or "8000"
    if not text.isdigit() or not 0 < int(text) <= _HIGHEST_PORT:
        raise LocalError(f"PORT must be a number from 1 to {_HIGHEST_PORT}, not {text!r}.")
    return Options(
        state=Path(environment.get("JARVIS_STATE_DIR") or CHECKOUT / ".state").absolute(),
        host=environment.get("HOST") or "127.0.0.1",
        port=int(text),
        verbose=environment.get("JARVIS_VERBOSE", "") not in {"", "0", "false"},
    )


def check_port(options: Options) -> None:
    """Raises AlreadyRunningError when another program listens there, LocalError when it cannot be ours."""
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((options.host, options.port))
        except OSError as error:
            raise _refusal(options, error) from None


def _refusal(options: Options, error: OSError) -> LocalError:
    another = options.port + 1 if options.port < _HIGHEST_PORT else 8000
    if isinstance(error, PermissionError):
        return LocalError(f"Port {options.port} needs more rights than we have. Choose another: PORT=8000 make run")
    if isinstance(error, socket.gaierror) or error.errno != errno.EADDRINUSE:
        return LocalError(f"Cannot listen on {options.host}:{options.port}: {error.strerror}. Set HOST and PORT.")
    return AlreadyRunningError(
        f"Port {options.port} is taken by another program. Choose another: PORT={another} make run"
    )
