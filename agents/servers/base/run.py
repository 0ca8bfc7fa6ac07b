"""Running one tool server alone: `python -m agents.servers.<name>`, for MCP clients outside Jarvis.

The caller is fixed when the server starts: one member of one organization, checked again at every call. There is no
consent here: the MCP client in front asks its person, and each call that changes something is put on record.
"""

import argparse
import hmac
import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import django
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import Error as DatabaseError
from django.db import close_old_connections, transaction
from django.utils.module_loading import import_string

from agents.contracts import ToolSpec
from agents.servers.base import Caller, Toolbox, wire
from jarvis_site.kernel.errors import NotFound
from jarvis_site.kernel.tenancy import tenant

if TYPE_CHECKING:
    from mcp.server import Server
    from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = "127.0.0.1"
HIGHEST_PORT = 65_535
# Shorter ones can be guessed; `secrets.token_urlsafe()` gives 43.
SHORTEST_TOKEN = 24
MCP_PATH = "/mcp"
FAILED, STOPPED = 1, 130
EPILOG = """
The server acts for that one member, and carries calls out at once: your MCP client has to ask you before it calls.
Over HTTP, clients send the token of the environment variable JARVIS_TOOL_TOKEN as "Authorization: Bearer TOKEN".
"""


class CannotStartError(Exception):
    """The server cannot start; the text says why and what to do."""


def main(path: str, arguments: Sequence[str] | None = None) -> None:
    """Run the tool server in the package `path` until its client leaves, and end the process.

    Exit codes: 0 when the client left, 1 when it could not start, 2 for wrong options, 130 after Ctrl-C.
    """
    options = _options(path, arguments)
    try:
        _run(path, options)
    except CannotStartError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(FAILED)
    except KeyboardInterrupt:
        sys.exit(STOPPED)


def _options(path: str, arguments: Sequence[str] | None) -> argparse.Namespace:
    name = path.rpartition(".")[2]
    parser = argparse.ArgumentParser(
        prog=f"python -m {path}",
        description=f"Serve Jarvis's {name} tools by MCP: over standard input and output, or over HTTP.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--organization", required=True, metavar="SLUG", help="the organization, as in its address")
    parser.add_argument("--member", required=True, metavar="EMAIL", help="the member for whom the tools act")
    parser.add_argument("--http", type=_port, metavar="PORT", help=f"serve http://{LOOPBACK}:PORT{MCP_PATH} instead")
    return parser.parse_args(arguments)


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (1 to {HIGHEST_PORT})")
    return int(text)


def _run(path: str, options: argparse.Namespace) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "jarvis_site.settings")
    try:
        django.setup()
    except ImproperlyConfigured as error:
        raise CannotStartError(f"The settings are not complete: {error}") from None
    toolbox: Toolbox = import_string(f"{path}.server.TOOLBOX")
    caller = _find_caller(organization=options.organization, email=options.member)
    server = toolbox.server(partial(_with_key, caller), scope=_scope)
    if options.http is None:
        _serve_stdio(server)
    else:
        _serve_http(server, options.http)


def _find_caller(*, organization: str, email: str) -> Caller:
    from accounts.models import User  # models need the set-up that `_run` has just done
    from accounts.selectors import actor_of, membership_get

    try:
        user = User.objects.get(email__iexact=email)
        actor = actor_of(membership_get(user=user, slug=organization))
    except (User.DoesNotExist, NotFound):
        raise CannotStartError(f"{email} is not a member of an organization {organization!r}.") from None
    except DatabaseError as error:
        raise CannotStartError(f"The database does not answer: {str(error).strip()}. Is Jarvis running?") from None
    return Caller(
        organization_id=actor.organization_id,
        member_id=actor.member_id,
        name=actor.name,
        email=actor.email,
        timezone=actor.timezone,
        idempotency_key="",
    )


def _with_key(caller: Caller, meta: Mapping[str, Any]) -> Caller:
    return replace(caller, idempotency_key=str(meta.get(wire.IDEMPOTENCY_KEY, "")))


@contextmanager
def _scope(caller: Caller, tool: ToolSpec) -> Iterator[None]:
    """Open the organization for one call; a member who has left since the start gets no further."""
    from accounts.selectors import actor_at_work

    close_old_connections()
    try:
        with tenant(caller.organization_id, member=caller.member_id):
            actor_at_work(member_id=caller.member_id)
            if not tool.read_only:
                _put_on_record(tool)
            yield
    finally:
        close_old_connections()


def _put_on_record(tool: ToolSpec) -> None:
    from jarvis_site.audit import record

    with transaction.atomic():
        record(action="tool.called", resource=f"tool:{tool.name}", details={"door": "standalone"})


def _serve_stdio(server: "Server[Any]") -> None:
    import anyio
    from mcp.server.stdio import stdio_server

    async def serve() -> None:
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())

    anyio.run(serve)


def _serve_http(server: "Server[Any]", port: int) -> None:
    import uvicorn
    from mcp.server.transport_security import TransportSecuritySettings

    names = [f"{name}:{port}" for name in (LOOPBACK, "localhost")]
    security = TransportSecuritySettings(allowed_hosts=names, allowed_origins=[f"http://{name}" for name in names])
    app = server.streamable_http_app(
        streamable_http_path=MCP_PATH, json_response=True, stateless_http=True, transport_security=security
    )
    guarded = bearer_only(app, token=_token())
    listening = _listen(port)
    sys.stderr.write(f"Serving MCP on http://{LOOPBACK}:{port}{MCP_PATH}\n")
    uvicorn.Server(uvicorn.Config(guarded, log_config=None, access_log=False, ws="none")).run(sockets=[listening])


def _token() -> str:
    token: str = settings.TOOL_TOKEN
    if len(token) < SHORTEST_TOKEN:
        raise CannotStartError(
            f"Set JARVIS_TOOL_TOKEN to at least {SHORTEST_TOKEN} secret characters: over HTTP, callers must know it."
        )
    return token


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server((LOOPBACK, port))
    except OSError as error:
        raise CannotStartError(f"Port {port} cannot be used: {error.strerror}. Choose another with --http.") from None


def bearer_only(app: "ASGIApp", *, token: str) -> "Callable[[Scope, Receive, Send], Any]":
    """Wrap an ASGI application so that only requests with this bearer token reach it; others get 401."""
    from starlette.responses import JSONResponse

    expected = f"Bearer {token}".encode()

    async def guard(scope: "Scope", receive: "Receive", send: "Send") -> None:
        given = dict(scope.get("headers", [])).get(b"authorization", b"")
        if scope["type"] == "http" and not hmac.compare_digest(given, expected):
            problem = {"error": "The bearer token is missing or wrong."}
            await JSONResponse(problem, 401, {"WWW-Authenticate": "Bearer"})(scope, receive, send)
            return
        await app(scope, receive, send)

    return guard
