"""The steps by which a plan steers itself: they call no tool, reach nobody and cost nothing.

They are declared like tools, so that planners know them, the validator checks their arguments, and people edit them in
the same form as any other step. The gate carries them out (`agents.orchestrator.flow`).
"""

from agents.contracts.tools import Reversibility, Risk, ToolSpec
from agents.contracts.values import Json, JsonObject
from permissions.contracts import Origin

FLOW = "flow"
CONDITION, EACH, RUN, WAIT, ASK = "flow.condition", "flow.each", "flow.run", "flow.wait", "flow.ask"

# Inside the arguments of a for-each this stands for the item, or with a JSON Pointer for a part of it.
ITEM = "$item"
MOST_ITEMS = 50  # a person looks through no more; larger work is a tool's own
MOST_FIELDS = 20  # of a form that one fills in without leaving it for later
MOST_BUTTONS = 5
MOST_PEOPLE = 50
MAX_DEPTH = 3  # a sub-run of a sub-run of a sub-run: deeper nobody can follow what happens
LONGEST_WAIT_MINUTES = 366 * 24 * 60  # a yearly task waits for its next turn, nothing waits longer
YES, NO = "yes", "no"
BY_TIME, BY_EVENT, TOO_LATE = "time", "event", "timeout"

COMPARISONS = ("equals", "not_equals", "contains", "greater", "less", "at_least", "at_most", "empty", "not_empty")
FIELD_TYPES = ("text", "long_text", "number", "date", "choice", "yes_no")

_ANYTHING: JsonObject = {}
_NAME: JsonObject = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,40}$"}
_MINUTES: JsonObject = {"type": "number", "exclusiveMinimum": 0, "maximum": LONGEST_WAIT_MINUTES}


def _closed(properties: JsonObject, *required: str, **more: Json) -> JsonObject:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
        **more,
    }


_FIELD = _closed(
    {
        "name": _NAME,
        "label": {"type": "string", "minLength": 1, "maxLength": 120},
        "type": {"enum": list(FIELD_TYPES)},
        "required": {"type": "boolean"},
        "options": {"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": 120}, "maxItems": 50},
    },
    "name",
    "label",
)
_BUTTON = _closed({"id": _NAME, "label": {"type": "string", "minLength": 1, "maxLength": 60}}, "id", "label")


def _step(
    name: str,
    title: str,
    description: str,
    *,
    arguments: JsonObject,
    output: JsonObject,
    icon: str,
    gives: Origin = Origin.ORGANIZATION,
) -> ToolSpec:
    return ToolSpec(
        name=name,
        title=title,
        description=description,
        input_schema=arguments,
        output_schema={"type": "object", "properties": output, "required": list(output)},
        read_only=True,
        destructive=False,
        idempotent=True,
        open_world=False,
        risk=Risk.READ,
        reversibility=Reversibility.NONE_NEEDED,
        seconds=0.0,
        icon=icon,
        gives=gives,
        own=("/outcome", "/count", "/failed", "/run_id"),
    )


FLOW_TOOLS: tuple[ToolSpec, ...] = (
    _step(
        CONDITION,
        "Decide by a value",
        "Compare a value, usually the result of an earlier step, and give the outcome yes or no. Later steps name it "
        "in only_if.",
        arguments=_closed(
            {"left": _ANYTHING, "is": {"enum": list(COMPARISONS)}, "right": _ANYTHING},
            "left",
            "is",
        ),
        output={"outcome": {"enum": [YES, NO]}},
        icon="filter",
    ),
    _step(
        EACH,
        "Do it for each",
        'Call one tool for each item of a list, usually the result of an earlier step. In its arguments {"$item": ""} '
        'stands for the item and {"$item": "/name"} for a part of it.',
        arguments=_closed(
            {
                "items": {"type": "array", "maxItems": MOST_ITEMS},
                "most": {"type": "integer", "minimum": 1, "maximum": MOST_ITEMS},
                "tool": {"type": "string"},
                "arguments": {"type": "object"},
                "title": {"type": "string", "maxLength": 200},
            },
            "items",
            "tool",
            "arguments",
        ),
        output={
            "results": {"type": "array", "items": {"type": "object"}},
            "count": {"type": "integer"},
            "failed": {"type": "integer"},
        },
        icon="repeat",
    ),
    _step(
        RUN,
        "Carry out a part of its own",
        "Carry out several steps as a run of their own, which fails or succeeds as one. Its steps have the form of the "
        "plan's and refer to each other only, and to the inputs by the step id input. The result holds their outputs "
        "by step id.",
        arguments=_closed(
            {
                "goal": {"type": "string", "minLength": 1, "maxLength": 300},
                "steps": {"type": "array", "items": {"type": "object"}, "minItems": 1},
                "inputs": {"type": "object"},
            },
            "goal",
            "steps",
        ),
        output={"run_id": {"type": "string"}, "outputs": {"type": "object"}},
        icon="runs",
    ),
    _step(
        WAIT,
        "Wait",
        "Wait until a time (until), for some minutes, or for an event that a program or a person tells this run about "
        "(event), with minutes as the longest wait. The outcome is time, event or timeout.",
        arguments=_closed(
            {
                "until": {"type": "string", "format": "date-time"},
                "minutes": _MINUTES,
                "event": {"type": "string", "pattern": "^[a-z0-9_.-]{1,60}$"},
            },
            anyOf=[{"required": ["until"]}, {"required": ["minutes"]}, {"required": ["event"]}],
        ),
        output={"outcome": {"enum": [BY_TIME, BY_EVENT, TOO_LATE]}, "data": {"type": "object"}},
        icon="clock",
        gives=Origin.OUTSIDE,
    ),
    _step(
        ASK,
        "Ask people",
        "Show people a text (Markdown) with fields to fill in and buttons to press, and wait. Without people and team "
        "the person of the run is asked. The outcome is the id of the pressed button, done when there are none. quorum "
        "is how many have to press the same button; after minutes the default button counts, or the step fails.",
        arguments=_closed(
            {
                "text": {"type": "string", "minLength": 1, "maxLength": 8000},
                "fields": {"type": "array", "items": _FIELD, "maxItems": MOST_FIELDS},
                "buttons": {"type": "array", "items": _BUTTON, "maxItems": MOST_BUTTONS},
                "people": {
                    "type": "array",
                    "items": {"type": "string", "format": "email"},
                    "maxItems": MOST_PEOPLE,
                },
                "team": {"type": "string", "maxLength": 80},
                "quorum": {"type": "integer", "minimum": 1, "maximum": MOST_PEOPLE},
                "minutes": _MINUTES,
                "default": _NAME,
                "remind_minutes": _MINUTES,
            },
            "text",
        ),
        output={
            "outcome": {"type": "string"},
            "values": {"type": "object"},
            "by": {"type": "array", "items": {"type": "string"}},
        },
        icon="user",
        gives=Origin.PERSON,
    ),
)
INPUT = "input"  # the id by which steps of a sub-run refer to its inputs
DONE = "done"  # the outcome of a human step without buttons


def is_flow(tool: str) -> bool:
    """Whether a step of this name is carried out by the plan itself, whether or not this version knows it."""
    return tool.partition(".")[0] == FLOW


def flow_tool(name: str) -> ToolSpec | None:
    """The declaration of such a step; None when this version does not know the kind."""
    return _BY_NAME.get(name)


_BY_NAME = {spec.name: spec for spec in FLOW_TOOLS}
