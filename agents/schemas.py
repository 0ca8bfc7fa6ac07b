"""Shapes of runs in the API."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from ninja import Field, Query, Schema
from pydantic import AfterValidator, AwareDatetime, model_validator

from agents.contracts import RunState
from agents.human_tasks import answer_schema
from agents.plan_changes import Difference

LONGEST_REASON = 500
# Of steps and tools, as the validator knows them; what is longer is none.
LONGEST_NAME = 100
LONGEST_TITLE = 300
MOST_LISTED = 100
LISTED = 50


def _storable[T](value: T) -> T:
    """The database takes no NUL in a text."""
    pending: list[Any] = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str) and "\0" in item:
            raise ValueError("NUL is no character of a text")
        if isinstance(item, dict):
            pending += [*item, *item.values()]
        if isinstance(item, list):
            pending += item
    return value


LARGEST_NUMBER = 2**31 - 1  # what the database's column holds

EventNumber = Annotated[int, Query(ge=0, le=LARGEST_NUMBER)]
Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME), AfterValidator(_storable)]
Reason = Annotated[str, Field(max_length=LONGEST_REASON), AfterValidator(_storable)]
Title = Annotated[str, Field(max_length=LONGEST_TITLE), AfterValidator(_storable)]
Object = Annotated[dict[str, Any], AfterValidator(_storable)]


class StartIn(Schema):
    """What to do: a plan, or words from which the planner makes one.

    `approval`: with "plan" the whole plan is asked about first when a step of it asks, and nothing runs before; with
    "steps" each step asks by itself. What comes of words is always asked about as a whole.
    """

    plan: Object | None = None
    words: str | None = None
    approval: Literal["plan", "steps"] = "plan"

    @model_validator(mode="after")
    def one_of_both(self) -> Self:
        if (self.plan is None) == (self.words is None):
            raise ValueError("either plan or words")
        if self.words is not None and self.approval != "plan":
            raise ValueError("what comes of words is asked about as a whole")
        return self


class AskedOut(Schema):
    """The planner has been asked. `answer` is where its answer will be."""

    conversation_id: UUID
    message_id: UUID
    answer: str


class RunFilter(Schema):
    state: RunState | None = None
    since: AwareDatetime | None = None
    text: str = Field("", max_length=100)
    cursor: str = Field("", max_length=100)
    limit: int = Field(LISTED, ge=1, le=MOST_LISTED)


class RunOut(Schema):
    id: UUID
    goal: str
    state: str
    approval: str
    plan_version: int
    last_number: int
    conversation_id: UUID | None
    created_at: datetime
    finished_at: datetime | None


class RunPageOut(Schema):
    items: list[RunOut]
    next: str | None


class ReasonIn(Schema):
    """Why somebody acts, for the record."""

    reason: Reason = ""


class StepOut(Schema):
    key: str
    tool: str
    title: str
    state: str
    depends_on: list[str]
    attempt: int
    risk: str
    reversibility: str
    waits_for: str
    undoes: str
    version: int
    retired_in: int | None
    arguments: dict[str, Any]
    output: Any
    failure_code: str
    failure_message: str


class TaskOut(Schema):
    """A question to people. `form` is what is asked, `answer_schema` the JSON Schema of the values it takes."""

    id: UUID
    run_id: UUID
    title: str
    form: dict[str, Any]
    answer_schema: dict[str, Any]
    quorum: int
    default: str
    outcome: str
    asked_at: datetime
    deadline_at: datetime | None
    closed_at: datetime | None

    @staticmethod
    def resolve_answer_schema(task: Any) -> dict[str, Any]:
        return answer_schema(task.form)


class AnswerIn(Schema):
    """`button`: id of one of the form's buttons; empty where it has none."""

    button: Annotated[str, Field(max_length=LONGEST_NAME), AfterValidator(_storable)] = ""
    values: Object = {}


class RunDetailOut(RunOut):
    plan: dict[str, Any]
    plan_digest: str
    steps: list[StepOut]
    tasks: list[TaskOut]


class PlanVersionOut(Schema):
    version: int
    author: str
    reason: str
    note: str
    digest: str


class DetailOut(Schema):
    argument: str
    before: Any
    after: Any


class DifferenceOut(Schema):
    """A step that two versions have in different form. `before` and `after`: number and title, empty where there is
    none."""

    before: str
    after: str
    details: list[DetailOut]


class PlanOut(PlanVersionOut):
    created_at: datetime
    goal: str
    steps: list[dict[str, Any]]
    changes: list[DifferenceOut]


def difference_out(difference: Difference) -> dict[str, Any]:
    details = [{"argument": name, "before": before, "after": after} for name, before, after in difference.details]
    return {"before": difference.before, "after": difference.after, "details": details}


class ArtifactOut(Schema):
    kind: str
    id: str
    title: str
    step: str = Field(alias="step.key")
    at: datetime | None
    undone_by: str | None = Field(None, alias="undone_by.key")


class EffectOut(Schema):
    """Something that a step has done. `until`: when it can be taken back at the latest."""

    step: str = Field(alias="step.key")
    title: str = Field(alias="step.title")
    state: str
    until: datetime | None
    conflict: bool


class EffectsOut(Schema):
    """`final` counts what can not be taken back, whatever the reason."""

    undone: int
    final: int
    under_way: int
    until: datetime | None
    effects: list[EffectOut]


class RunEventOut(Schema):
    number: int
    at: datetime
    kind: str
    step: str
    data: dict[str, Any]


class EventPageOut(Schema):
    items: list[RunEventOut]
    next: int | None


class SignalIn(Schema):
    name: str
    data: Object = {}


class OutcomeIn(Schema):
    outcome: Literal["happened", "repeat", "give_up"]


class DropIn(Schema):
    """Leave the step out."""

    kind: Literal["drop"]
    step: Name


class ReorderIn(Schema):
    """Let the step come after these and no others, besides those whose results it uses."""

    kind: Literal["reorder"]
    step: Name
    after: list[Name] = Field(max_length=LISTED)


class ChangeIn(Schema):
    """Give the step other arguments, or let another tool do it. Without a title it says what it does by itself."""

    kind: Literal["change"]
    step: Name
    tool: Name
    arguments: Object
    title: Title = ""


class AskFirstIn(Schema):
    """Ask people before the step: it is done only if the first button is pressed. `arguments`: of `flow.ask`."""

    kind: Literal["ask_first"]
    step: Name
    arguments: Object
    title: Title


class EditIn(Schema):
    base: int = Field(ge=1, le=LARGEST_NUMBER)
    change: Annotated[DropIn | ReorderIn | ChangeIn | AskFirstIn, Field(discriminator="kind")]
    reason: Reason = ""


class RetryIn(ReasonIn):
    """`step`: where to go on; empty for the first one that failed or was declined."""

    step: Annotated[str, Field(max_length=LONGEST_NAME), AfterValidator(_storable)] = ""


class RedoIn(ReasonIn):
    """What the step does this time. `base`: the plan version that this was decided on."""

    base: int = Field(ge=1, le=LARGEST_NUMBER)
    tool: Name
    arguments: Object
    title: Title = ""
