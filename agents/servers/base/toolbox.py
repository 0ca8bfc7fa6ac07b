"""Declaring tools, and serving them over MCP on the SDK's low-level server."""

import inspect
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from typing import Any, cast, get_type_hints

import mcp_types as mcp
from asgiref.sync import sync_to_async
from mcp.server import Server
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from pydantic import BaseModel

from agents.contracts import Artifact, JsonObject, Reversibility, Risk, ToolSpec, Undo
from agents.servers.base import wire
from agents.servers.base.calls import Caller, ToolError
from agents.servers.base.schemas import BadArgumentsError, input_schema, output_schema, read_arguments
from jarvis_site.kernel.errors import JarvisError
from permissions.contracts import Origin

log = logging.getLogger(__name__)

type ToolFunction[A: BaseModel, O: BaseModel] = Callable[[A, Caller], O]
type CallerOf = Callable[[Mapping[str, Any]], Caller]
type ScopeOf = Callable[[Caller, ToolSpec], AbstractContextManager[object]]
type RunOn = Callable[..., Awaitable[mcp.CallToolResult]]

# The listing depends on the code alone, so a client may keep it for as long as one process lives.
LISTING_TTL_MS = 60_000


@dataclass(frozen=True, slots=True)
class Tool:
    """A declared tool: what the world may know of it, and the function that does it."""

    spec: ToolSpec
    function: Callable[[Any, Caller], BaseModel]
    arguments: type[BaseModel]

    @property
    def name(self) -> str:
        """The name on the server itself, without the server's prefix."""
        return self.spec.name.partition(".")[2]

    def run(self, arguments: JsonObject, caller: Caller) -> mcp.CallToolResult:
        """Read the arguments, do the work, and put whatever happens into an MCP result."""
        try:
            given = read_arguments(self.arguments, arguments)
            caller.go_on()
            return _answer(self.function(given, caller))
        except BadArgumentsError as error:
            return _refusal(str(error), code="bad_arguments")
        except ToolError as error:
            return _refusal(
                error.message, code=error.code, retryable=error.retryable, outcome_unknown=error.outcome_unknown
            )
        except JarvisError as error:
            return _refusal(str(error), code=error.code, retryable=error.retryable)
        except Exception:  # a server's door: a bug in a tool must not take the connection down
            log.exception("A tool failed unexpectedly", extra={"tool": self.spec.name})
            return self._bug()

    def _bug(self) -> mcp.CallToolResult:
        repeatable = self.spec.read_only or self.spec.idempotent
        text = f"{self.spec.title} failed because of an error in Jarvis. The error was recorded."
        return _refusal(text, code="internal", retryable=repeatable, outcome_unknown=not repeatable)

    def as_mcp(self) -> mcp.Tool:
        spec = self.spec
        return mcp.Tool(
            name=self.name,
            title=spec.title,
            description=spec.description,
            input_schema=spec.input_schema,
            output_schema=spec.output_schema,
            annotations=mcp.ToolAnnotations(
                title=spec.title,
                read_only_hint=spec.read_only,
                destructive_hint=spec.destructive,
                idempotent_hint=spec.idempotent,
                open_world_hint=spec.open_world,
            ),
            _meta={
                wire.RISK: spec.risk.value,
                wire.REVERSIBILITY: spec.reversibility.value,
                wire.REACHES_PEOPLE: spec.reaches_people,
                wire.ICON: spec.icon,
                **({wire.UNDO: asdict(spec.undo)} if spec.undo else {}),
                **({wire.ARTIFACT: asdict(spec.artifact)} if spec.artifact else {}),
            },
        )


class Toolbox:
    """The tools of one server.

    Args:
        name: short and lower case; the prefix of the tools' full names.
        icon: name in the icon set, for the screens.
        instructions: for a model that uses this server alone.
    """

    def __init__(self, name: str, *, title: str, icon: str, instructions: str = "") -> None:
        self.name = name
        self.title = title
        self.icon = icon
        self.instructions = instructions
        self._tools: dict[str, Tool] = {}

    def tool[A: BaseModel, O: BaseModel](
        self,
        *,
        title: str,
        risk: Risk,
        reversibility: Reversibility,
        read_only: bool = False,
        destructive: bool = False,
        idempotent: bool = False,
        open_world: bool = False,
        reaches_people: bool = False,
        icon: str | None = None,
        name: str | None = None,
        undo: Undo | None = None,
        artifact: Artifact | None = None,
        gives: Origin = Origin.OUTSIDE,
        own: tuple[str, ...] = (),
    ) -> Callable[[ToolFunction[A, O]], ToolFunction[A, O]]:
        """Declare `def tool(arguments: Model, caller: Caller) -> Model` as a tool; its docstring is the description.

        Args:
            undo: how it is taken back; only of what is declared as undoable.
            artifact: what it leaves behind.
            gives, own: who has written what it gives, see `ToolSpec`.

        Raises:
            TypeError: the function has another shape, no docstring, or a name that is taken; or it says how it is
                taken back and that it cannot be.
        """

        def declare(function: ToolFunction[A, O]) -> ToolFunction[A, O]:
            arguments, answer = _models(function)
            own_name = name or function.__name__
            if own_name in self._tools:
                raise TypeError(f"{self.name}.{own_name} is declared twice.")
            if undo and reversibility is not Reversibility.UNDOABLE:
                raise TypeError(f"{self.name}.{own_name} says how it is undone, and is not declared as undoable.")
            spec = ToolSpec(
                name=f"{self.name}.{own_name}",
                title=title,
                description=_description(function),
                input_schema=input_schema(arguments),
                output_schema=output_schema(answer),
                read_only=read_only,
                destructive=destructive,
                idempotent=idempotent or read_only,
                open_world=open_world,
                reaches_people=reaches_people,
                risk=risk,
                reversibility=reversibility,
                icon=icon or self.icon,
                undo=undo,
                artifact=artifact,
                gives=gives,
                own=own,
            )
            self._tools[own_name] = Tool(spec=spec, function=function, arguments=arguments)
            return function

        return declare

    def specs(self) -> tuple[ToolSpec, ...]:
        return tuple(tool.spec for tool in self._tools.values())

    def server(
        self, caller: CallerOf, *, scope: ScopeOf = lambda _, __: nullcontext(), run_on: RunOn | None = None
    ) -> Server[Any]:
        """Return an MCP server with these tools.

        Args:
            caller: says who calls, from the request's `_meta`. That map is the client's word: take identity from
                elsewhere, and only the idempotency key from it.
            scope: entered around each call, on the thread that runs the tool; a JarvisError from it refuses the call.
            run_on: `run_on(function, *arguments)` calls a function on the thread that tools belong on; without it
                asgiref chooses one that is always the same.
        """

        def run(tool: Tool, arguments: JsonObject, who: Caller) -> mcp.CallToolResult:
            try:
                with scope(who, tool.spec):
                    return tool.run(arguments, who)
            except JarvisError as error:
                return _refusal(str(error), code=error.code, retryable=error.retryable)

        async def list_tools(
            _: ServerRequestContext[Any], __: mcp.PaginatedRequestParams | None
        ) -> mcp.ListToolsResult:
            tools = [tool.as_mcp() for tool in self._tools.values()]
            return mcp.ListToolsResult(tools=tools, ttl_ms=LISTING_TTL_MS, cache_scope="private")

        async def call_tool(context: ServerRequestContext[Any], call: mcp.CallToolRequestParams) -> mcp.CallToolResult:
            tool = self._tools.get(call.name)
            if tool is None:
                raise MCPError(code=mcp.INVALID_PARAMS, message=f"{self.title} has no tool {call.name!r}.")
            who = caller(cast("Mapping[str, Any]", context.meta or {}))
            return await (run_on or _on_one_thread)(run, tool, call.arguments or {}, who)

        server: Server[Any] = Server(
            self.name,
            title=self.title,
            instructions=self.instructions or None,
            on_list_tools=list_tools,
            on_call_tool=call_tool,
        )
        server.middleware.clear()  # only OpenTelemetry's, which costs a third of a request when nothing listens
        return server


async def _on_one_thread(function: Callable[..., mcp.CallToolResult], *arguments: Any) -> mcp.CallToolResult:
    return await sync_to_async(function, thread_sensitive=True)(*arguments)


def _models(function: Callable[..., Any]) -> tuple[type[BaseModel], type[BaseModel]]:
    hints = get_type_hints(function)
    answer = hints.pop("return", None)
    parameters = list(inspect.signature(function).parameters)
    models = [hints.get(parameters[0]) if parameters else None, answer]
    if len(parameters) != 2 or hints.get(parameters[1]) is not Caller or not all(map(_is_model, models)):  # noqa: PLR2004
        raise TypeError(f"{function.__name__} must be (arguments: Model, caller: Caller) -> Model, all annotated.")
    return cast("tuple[type[BaseModel], type[BaseModel]]", tuple(models))


def _is_model(hint: object) -> bool:
    return isinstance(hint, type) and issubclass(hint, BaseModel)


def _description(function: Callable[..., Any]) -> str:
    text = inspect.getdoc(function)
    if not text:
        raise TypeError(f"{function.__name__} needs a docstring: the planner chooses tools by it.")
    return text


def _answer(answer: BaseModel) -> mcp.CallToolResult:
    # by_alias, as in the output schema. The text is for clients that do not read structured content.
    data = answer.model_dump(mode="json", by_alias=True, warnings="error")
    text = json.dumps(data, ensure_ascii=False)
    return mcp.CallToolResult(content=[mcp.TextContent(type="text", text=text)], structured_content=data)


def _refusal(message: str, *, code: str, retryable: bool = False, outcome_unknown: bool = False) -> mcp.CallToolResult:
    failure = {"code": code, "retryable": retryable, "outcomeUnknown": outcome_unknown}
    return mcp.CallToolResult(
        content=[mcp.TextContent(type="text", text=message)], is_error=True, _meta={wire.FAILURE: failure}
    )
