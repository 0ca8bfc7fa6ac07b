"""A tool server of the tests: one tool for each thing that can happen to a call."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from agents.contracts import Reversibility, Risk
from agents.servers.base import Caller, Toolbox, ToolError
from jarvis_site.kernel.errors import Conflict

TOOLBOX = Toolbox("demo", title="Demo", icon="agents", instructions="Only for tests.")
scope: ContextVar[str] = ContextVar("scope", default="none")
release = threading.Event()


@contextmanager
def held() -> Iterator[None]:
    """`hold` waits until the block is left."""
    release.clear()
    try:
        yield
    finally:
        release.set()


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Part(BaseModel):
    title: str


class Echo(BaseModel):
    title: str = Field(description="What to say.")
    count: int = 1
    colour: Colour | None = None
    parts: list[Part] = []
    id: UUID | None = None


class Echoed(BaseModel):
    title: str
    count: int
    thread: str
    scope: str
    email: str
    key: str


class Nothing(BaseModel):
    pass


class Size(BaseModel):
    size: int


class Lie(BaseModel):
    size: Annotated[int, Field(json_schema_extra={"maximum": 9})]


class Text(BaseModel):
    text: str


@TOOLBOX.tool(title="Echo", risk=Risk.READ, reversibility=Reversibility.NONE_NEEDED, read_only=True)
def echo(arguments: Echo, caller: Caller) -> Echoed:
    """Say who called and where the tool ran."""
    return Echoed(
        title=arguments.title,
        count=arguments.count,
        thread=threading.current_thread().name,
        scope=scope.get(),
        email=caller.email,
        key=caller.idempotency_key,
    )


@TOOLBOX.tool(
    title="Refuse",
    risk=Risk.MEDIUM,
    reversibility=Reversibility.FINAL,
    destructive=True,
    open_world=True,
    reaches_people=True,
    icon="mail",
)
def refuse(arguments: Nothing, caller: Caller) -> Nothing:
    """Say no."""
    raise ToolError("The mailbox is full. Empty it first.", code="full", retryable=True, outcome_unknown=True)


@TOOLBOX.tool(title="Conflict", risk=Risk.LOW, reversibility=Reversibility.UNDOABLE)
def conflict(arguments: Nothing, caller: Caller) -> Nothing:
    """Fail as a service does."""
    raise Conflict("It was changed by Priya.")


@TOOLBOX.tool(title="Break", risk=Risk.LOW, reversibility=Reversibility.UNDOABLE, name="break")
def break_down(arguments: Nothing, caller: Caller) -> Nothing:
    """Have a bug."""
    raise KeyError("the password is hunter2")


@TOOLBOX.tool(title="Hold", risk=Risk.LOW, reversibility=Reversibility.UNDOABLE)
def hold(arguments: Nothing, caller: Caller) -> Nothing:
    """Take long."""
    release.wait(timeout=1)
    return Nothing()


@TOOLBOX.tool(title="Hold and read", risk=Risk.READ, reversibility=Reversibility.NONE_NEEDED, read_only=True)
def hold_reading(arguments: Nothing, caller: Caller) -> Nothing:
    """Take long, changing nothing."""
    return hold(arguments, caller)


@TOOLBOX.tool(title="Big", risk=Risk.READ, reversibility=Reversibility.NONE_NEEDED, read_only=True)
def big(arguments: Size, caller: Caller) -> Text:
    """Give a long text."""
    return Text(text="é" * arguments.size)


@TOOLBOX.tool(title="Undeclared", risk=Risk.LOW, reversibility=Reversibility.UNDOABLE)
def undeclared(arguments: Nothing, caller: Caller) -> Lie:
    """Give something else than declared."""
    return Lie(size=10)
