"""Say something to the local planner on Saturday 21 November 2026 at 10:00 in Berlin."""

from datetime import datetime
from zoneinfo import ZoneInfo

from agents.contracts import (
    JsonObject,
    Person,
    PlanDraft,
    PlannerOutput,
    PlanRequest,
    Proposal,
    Question,
    TextDelta,
    ToolSpec,
)
from agents.planner.local import LocalPlanner
from agents.planner.validation import validate
from agents.servers.calendar.server import TOOLBOX as CALENDAR_TOOLS
from agents.servers.calendar.skill import SKILL as CALENDAR
from agents.servers.files.server import TOOLBOX as FILES_TOOLS
from agents.servers.files.skill import SKILL as FILES
from agents.servers.mail.server import TOOLBOX as MAIL_TOOLS
from agents.servers.mail.skill import SKILL as MAIL

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 21, 10, 0, tzinfo=BERLIN)
ADA = Person("Ada Lind", "ada@corp.example")
INES = Person("Ines Berg", "ines@corp.example")
RAJ_PATEL = Person("Raj Patel", "raj.patel@corp.example")
RAJ_SINGH = Person("Raj Singh", "raj.singh@corp.example")
PRIYA = Person("Priya Rao", "priya@corp.example")
TOOLS = (*CALENDAR_TOOLS.specs(), *MAIL_TOOLS.specs(), *FILES_TOOLS.specs())
PLANNER = LocalPlanner((CALENDAR, MAIL, FILES))


def say(
    words: str,
    *,
    pending: JsonObject | None = None,
    people: tuple[Person, ...] = (ADA, INES, PRIYA),
    now: datetime = NOW,
    tools: tuple[ToolSpec, ...] = TOOLS,
) -> PlannerOutput:
    """Return the only output of a turn."""
    request = PlanRequest(words=words, now=now, person=ADA, tools=tools, people=people, pending=pending)
    (output,) = PLANNER.turn(request)
    return output


def plan(words: str, **circumstances: object) -> PlanDraft:
    """Return the plan, which the real tools accept."""
    output = say(words, **circumstances)  # type: ignore[arg-type]
    assert isinstance(output, Proposal), output
    assert validate(output.draft, TOOLS) == ()
    return output.draft


def question(words: str, **circumstances: object) -> Question:
    output = say(words, **circumstances)  # type: ignore[arg-type]
    assert isinstance(output, Question), output
    return output


def text(words: str, **circumstances: object) -> str:
    output = say(words, **circumstances)  # type: ignore[arg-type]
    assert isinstance(output, TextDelta), output
    return output.text
