"""How tools are declared, and a tool server run alone, seen by a real MCP client."""

import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx2
import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db.models.functions import Now
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from pydantic import BaseModel

from accounts.models import Membership
from agents.contracts import JsonObject, Reversibility, Risk, ToolSpec, Undo
from agents.servers.base import Caller, Toolbox, wire
from agents.servers.calendar.server import TOOLBOX as CALENDAR
from agents.servers.files.server import TOOLBOX as FILES
from agents.servers.mail.server import TOOLBOX as MAIL
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel.tenancy import tenant
from tests.agents.gateway.demo.server import TOOLBOX as DEMO
from tests.agents.gateway.demo.server import Nothing
from tests.cast import Cast

TOKEN = "a-token-that-only-this-test-knows"
START_SECONDS = 30.0
BUILT_IN = (CALENDAR, MAIL, FILES)
READ = {"risk": Risk.READ, "reversibility": Reversibility.NONE_NEEDED}


# Declaration --------------------------------------------------------------------------------------------------------


def test_schemas_are_closed_and_without_generated_titles() -> None:
    schema = DEMO.specs()[0].input_schema
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["title"]
    properties = schema["properties"]
    assert isinstance(properties, dict)
    assert properties["title"] == {"type": "string", "description": "What to say."}
    assert schema["$defs"] == {
        "Colour": {"enum": ["red", "blue"], "type": "string"},
        "Part": {
            "properties": {"title": {"type": "string"}},
            "required": ["title"],
            "type": "object",
            "additionalProperties": False,
        },
    }


def test_the_docstring_is_the_description_and_reading_is_idempotent() -> None:
    spec = DEMO.specs()[0]
    assert spec.description == "Say who called and where the tool ran."
    assert (spec.read_only, spec.idempotent, spec.destructive) == (True, True, False)


def test_a_tool_needs_a_docstring_models_and_a_name_of_its_own() -> None:
    box = Toolbox("box", title="Box", icon="tool")

    def silent(arguments: Nothing, caller: Caller) -> Nothing:
        return arguments

    def loose(arguments: dict[str, str], caller: Caller) -> Nothing:
        """Take anything."""
        return Nothing()

    def once(arguments: Nothing, caller: Caller) -> Nothing:
        """Do nothing."""
        return arguments

    with pytest.raises(TypeError, match="docstring"):
        box.tool(title="Silent", **READ)(silent)
    with pytest.raises(TypeError, match="Model"):
        box.tool(title="Loose", **READ)(loose)
    box.tool(title="Once", **READ)(once)
    with pytest.raises(TypeError, match="twice"):
        box.tool(title="Once", **READ)(once)


async def test_a_client_sees_annotations_and_risk() -> None:
    async with Client(DEMO.server(lambda _: pytest.fail("nobody calls"))) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    tool = tools["refuse"]
    assert tool.annotations is not None
    assert tool.annotations.model_dump() == {
        "title": "Refuse",
        "read_only_hint": False,
        "destructive_hint": True,
        "idempotent_hint": False,
        "open_world_hint": True,
    }
    assert tool.meta == {
        wire.RISK: "medium",
        wire.REVERSIBILITY: "final",
        wire.REACHES_PEOPLE: True,
        wire.ICON: "mail",
    }


async def test_a_client_sees_how_a_tool_is_taken_back_and_what_it_leaves_behind() -> None:
    async with Client(FILES.server(lambda _: pytest.fail("nobody calls"))) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    meta = tools["write"].meta
    assert meta is not None
    assert meta[wire.UNDO]["tool"] == "files.undo_change"
    assert meta[wire.UNDO]["arguments"] == {"change_id": {"$from": "output", "path": "/change_id"}}
    assert meta[wire.ARTIFACT] == {"kind": "file", "id": "/path", "title": "/path"}
    assert wire.UNDO not in (tools["list"].meta or {})


def test_only_what_is_declared_undoable_says_how() -> None:
    box = Toolbox("box", title="Box", icon="tool")

    def once(arguments: Nothing, caller: Caller) -> Nothing:
        """Do nothing."""
        return arguments

    with pytest.raises(TypeError, match="not declared as undoable"):
        box.tool(title="Once", risk=Risk.LOW, reversibility=Reversibility.FINAL, undo=Undo("box.back", {}))(once)


@pytest.mark.parametrize("spec", [spec for box in BUILT_IN for spec in box.specs()], ids=lambda spec: spec.name)
def test_every_built_in_tool_that_can_be_undone_says_how_in_arguments_that_fit(spec: ToolSpec) -> None:
    assert (spec.undo is not None) == (spec.reversibility is Reversibility.UNDOABLE)
    given = _properties(spec.output_schema)
    if spec.artifact:
        assert {spec.artifact.id[1:], spec.artifact.title[1:]} <= set(given)
    if spec.undo is None:
        return
    reversal = next(other for box in BUILT_IN for other in box.specs() if other.name == spec.undo.tool)
    wanted = _properties(reversal.input_schema)
    assert set(spec.undo.arguments) == set(wanted)
    for name, source in spec.undo.arguments.items():
        assert isinstance(source, dict)
        assert source["$from"] == "output"
        assert given[str(source["path"])[1:]].get("type") == wanted[name].get("type") == "string"
    assert reversal.idempotent
    assert not reversal.destructive


def _properties(schema: JsonObject | None) -> dict[str, dict[str, object]]:
    return (schema or {}).get("properties", {})  # type: ignore[return-value]  # of a schema


# Alone, over stdio and HTTP -------------------------------------------------------------------------------------------


class Process(BaseModel):
    """How to start the files server for Priya."""

    environment: dict[str, str]
    organization: str
    member: str

    def command(self, *more: str) -> list[str]:
        options = ["--organization", self.organization, "--member", self.member, *more]
        return ["-m", "agents.servers.files", *options]


@pytest.fixture
def alone(cast: Cast, child_environment: Mapping[str, str], tmp_path: Path) -> Process:
    environment = {**child_environment, "JARVIS_WORKSPACE_DIR": str(tmp_path), "JARVIS_TOOL_TOKEN": TOKEN}
    return Process(environment=environment, organization=cast.halden.slug, member=cast.priya.email)


async def wrote_and_read(client: Client) -> str:
    written = await client.call_tool("write", {"path": "a.txt", "content": "hello"})
    assert not written.is_error, written
    read = await client.call_tool("read", {"path": "a.txt"})
    return str(read.structured_content["content"])


@pytest.mark.django_db(transaction=True)
def test_a_server_alone_answers_over_stdio_until_its_member_leaves(alone: Process, cast: Cast, tmp_path: Path) -> None:
    @async_to_sync
    async def talk() -> None:
        parameters = StdioServerParameters(command=sys.executable, args=alone.command(), env=alone.environment)
        async with Client(parameters) as client:
            assert await wrote_and_read(client) == "hello"
            assert (await client.call_tool("read", {"path": "../secret"})).is_error
            await sync_to_async(leave)(cast)
            refused = await client.call_tool("read", {"path": "a.txt"})
        assert refused.is_error
        assert refused.meta is not None
        assert refused.meta[wire.FAILURE]["code"] == "not_found"

    talk()
    assert (tmp_path / str(cast.halden.id) / "a.txt").read_text() == "hello"
    with tenant(cast.halden.id):
        rows = AuditEvent.objects.filter(member_id=cast.priya.membership.id, resource_type__in=["tool", "file"])
        assert sorted(rows.values_list("action", flat=True)) == ["file.created", "tool.called"]


def leave(cast: Cast) -> None:
    with tenant(cast.halden.id):
        Membership.objects.filter(id=cast.priya.membership.id).update(left_at=Now())


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def serving(alone: Process, port: int) -> Iterator[str]:
    child = subprocess.Popen(
        [sys.executable, *alone.command("--http", str(port))],
        env=alone.environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stderr is not None
        first = child.stderr.readline()
        assert "Serving MCP" in first, first + child.stderr.read()
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        child.terminate()
        child.communicate(timeout=START_SECONDS)


@asynccontextmanager
async def http_client(address: str, headers: dict[str, str]) -> AsyncIterator[Client]:
    async with (
        httpx2.AsyncClient(headers=headers, timeout=START_SECONDS) as http,
        Client(streamable_http_client(address, http_client=http)) as client,
    ):
        yield client


@pytest.mark.django_db(transaction=True)
def test_a_server_alone_answers_over_http_to_who_knows_the_token(alone: Process) -> None:
    good = {"Authorization": f"Bearer {TOKEN}"}
    call = {"jsonrpc": "2.0", "id": 1, "method": "ping"}

    @async_to_sync
    async def talk(address: str) -> None:
        async with http_client(address, good) as client:
            assert await wrote_and_read(client) == "hello"

    with serving(alone, free_port()) as address:
        talk(address)
        with httpx2.Client(timeout=START_SECONDS) as http:
            nobody = http.post(address, json=call)
            wrong = http.post(address, json=call, headers={"Authorization": "Bearer wrong"})
            page = http.post(address, json=call, headers={**good, "Origin": "http://evil.example"})
            rebound = http.post(address, json=call, headers={**good, "Host": "evil.example"})
    assert [nobody.status_code, wrong.status_code, page.status_code, rebound.status_code] == [401, 401, 403, 421]
    assert nobody.headers["WWW-Authenticate"] == "Bearer"


def run_to_the_end(alone: Process, *more: str, **environment: str) -> tuple[int, str]:
    finished = subprocess.run(
        [sys.executable, *alone.command(*more)],
        env={**alone.environment, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )
    return finished.returncode, finished.stderr


@pytest.mark.django_db(transaction=True)
def test_what_is_wrong_at_the_start_is_said_in_one_line(alone: Process) -> None:
    stranger = alone.model_copy(update={"member": "ines@borealis.example"})
    assert run_to_the_end(stranger) == (
        1,
        f"ines@borealis.example is not a member of an organization '{alone.organization}'.\n",
    )
    code, text = run_to_the_end(alone, "--http", str(free_port()), JARVIS_TOOL_TOKEN="short")
    assert code == 1
    assert "JARVIS_TOOL_TOKEN" in text
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, text = run_to_the_end(alone, "--http", str(taken.getsockname()[1]))
    assert code == 1
    assert "cannot be used" in text


def test_help_and_wrong_options_need_no_database() -> None:
    command = [sys.executable, "-m", "agents.servers.files"]
    shown = subprocess.run([*command, "--help"], capture_output=True, text=True, check=False, env=os.environ.copy())
    assert shown.returncode == 0
    assert "--organization" in shown.stdout
    wrong = subprocess.run([*command, "--http", "99999999"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert "is not a port" in wrong.stderr
