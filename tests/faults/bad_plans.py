"""Plans that must be refused: a good one with every kind of step, spoiled in one of many ways, and plain nonsense."""

import json
import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

type Raw = Any
type Spoil = Callable[[Raw, random.Random], Raw | None]

# Characters that break parsers, screens, file names or sorting: null, escapes, one half of a pair, directions.
ODD = (
    "\x00",
    "\x1b[2J",
    "\ud800",
    "\u202e",
    "\u2028",
    "\ufeff",
    "\U000e0041",
    "\x7f",
    "e\u0301" * 40,
    "\U0001d541" * 200,
)
BUTTONS = [{"id": "yes", "label": "Go"}, {"id": "no", "label": "Stop"}]
# More than the plan may nest, and far more than Python's own recursion allows.
DEEP = (20, 200, 5_000)


def good_plan() -> dict[str, Any]:
    def step(key: str, tool: str, needs: tuple[str, ...] = (), /, **given: Any) -> dict[str, Any]:
        return {"id": key, "tool": tool, "title": f"Step {key}", "arguments": given, "depends_on": list(needs)}

    inner = step("a", "files.write", path="in.txt", content={"$from": "input", "path": "/text"})
    return {
        "goal": "Everything that a plan can hold",
        "steps": [
            step("list", "files.find", query="x"),
            step("is", "flow.condition", ("list",), **{"left": {"$from": "list", "path": "/files"}, "is": "not_empty"}),
            step("go", "files.write", ("is",), path="go.txt", content="x")
            | {"only_if": [{"step": "is", "outcome": "yes"}]},
            step("each", "flow.each", items=["a", "b"], tool="files.read", arguments={"path": {"$item": ""}}),
            step("sub", "flow.run", goal="Inside", steps=[inner], inputs={"text": "hello"}),
            step("nap", "flow.wait", ("sub",), minutes=5, event="paid"),
            step("ask", "flow.ask", ("nap",), text="Shall it?", buttons=BUTTONS, minutes=60, default="no"),
            step("mail", "mail.send", ("ask",), to=["raj@example.com"], subject="Hello", body="Come.")
            | {"only_if": [{"step": "ask", "outcome": "yes"}]},
        ],
    }


def bad_plans(chance: random.Random, count: int) -> Iterator[tuple[str, Raw]]:
    """Yield so many, each with the name of what is wrong with it."""
    for number in range(count):
        spoil = SPOILERS[number % len(SPOILERS)]
        plan = good_plan()
        changed = spoil(plan, chance)
        yield spoil.__name__.strip("_"), plan if changed is None else changed


def _of(plan: Raw, key: str) -> dict[str, Any]:
    found: dict[str, Any] = next(step for step in plan["steps"] if step["id"] == key)
    return found


def _any(plan: Raw, chance: random.Random) -> dict[str, Any]:
    found: dict[str, Any] = chance.choice(plan["steps"])
    return found


def _noise(chance: random.Random, depth: int = 3) -> Raw:
    kind = chance.randrange(8 if depth else 6)
    if kind == 6:
        return [_noise(chance, depth - 1) for _ in range(chance.randrange(4))]
    if kind == 7:
        names = ("goal", "steps", "id", "tool", "$from", "$item", "path", chance.choice(ODD))
        return {chance.choice(names): _noise(chance, depth - 1) for _ in range(chance.randrange(4))}
    made = (None, chance.random() < 0.5, chance.getrandbits(70), float("nan"), chance.choice(ODD), f"{chance.random()}")
    return made[kind]


# Not a plan at all -------------------------------------------------------------------------------------------------


def _nonsense(_plan: Raw, chance: random.Random) -> Raw:
    made = _noise(chance)
    return "null" if made is None else made


def _cut_off(plan: Raw, chance: random.Random) -> Raw:
    """As a model leaves it that ran out of words: text where an object was meant."""
    text = json.dumps(plan)
    return text[: chance.randrange(1, len(text))]


def _steps_that_are_none(plan: Raw, chance: random.Random) -> None:
    plan["steps"][chance.randrange(len(plan["steps"]))] = chance.choice([None, 7, "mail.send", [], [[]], True])


def _no_steps(plan: Raw, chance: random.Random) -> None:
    plan["steps"] = chance.choice([[], {}, None, "", 0])


def _wrong_type(plan: Raw, chance: random.Random) -> None:
    key = chance.choice(["id", "tool", "arguments", "title", "depends_on", "critical", "only_if"])
    _any(plan, chance)[key] = chance.choice([{"a": 1}, [[]], 1.5, 10**400, [None]])


def _missing(plan: Raw, chance: random.Random) -> None:
    del _any(plan, chance)[chance.choice(["id", "tool"])]


# Names that are not there -----------------------------------------------------------------------------------------


def _unknown_tool(plan: Raw, chance: random.Random) -> None:
    tool = chance.choice(["shell.run", "mail.send ", "MAIL.SEND", "", "mail", "mail.", "__import__", "calendar.*"])
    _any(plan, chance)["tool"] = tool + chance.choice(["", "\x00", f"{chance.getrandbits(16)}"])


def _unknown_kind(plan: Raw, chance: random.Random) -> None:
    _any(plan, chance)["tool"] = chance.choice(["flow.loop", "flow", "flow.", "flow.eval", "flow.Condition"])


def _unknown_dependency(plan: Raw, chance: random.Random) -> None:
    _any(plan, chance)["depends_on"].append(f"s{chance.getrandbits(16)}")


def _duplicate(plan: Raw, chance: random.Random) -> None:
    plan["steps"].append(deepcopy(_any(plan, chance)))


def _bad_id(plan: Raw, chance: random.Random) -> None:
    _any(plan, chance)["id"] = chance.choice(["", " ", "a b", "../x", "a.1", "x" * 41, "ï", *ODD])


# Shapes that go nowhere -------------------------------------------------------------------------------------------


def _cycle(plan: Raw, chance: random.Random) -> None:
    first, second = chance.choices(plan["steps"], k=2)
    first["depends_on"].append(second["id"])
    second["depends_on"].append(first["id"])


def _outcome_that_cannot_be(plan: Raw, chance: random.Random) -> None:
    outcome = chance.choice(["maybe", "YES", "yes ", "", "done", "\x00", f"{chance.random()}"])
    _of(plan, chance.choice(["go", "mail"]))["only_if"][0]["outcome"] = outcome


def _outcome_of_a_step_without_any(plan: Raw, chance: random.Random) -> None:
    step = _of(plan, "mail")
    step["depends_on"] += ["list", "each"]
    step["only_if"] = [{"step": chance.choice(["list", "each", "sub"]), "outcome": chance.choice(["yes", "no", ""])}]


def _outcome_not_waited_for(plan: Raw, chance: random.Random) -> None:
    _of(plan, "each")["only_if"] = [{"step": chance.choice(["is", "ask", "each", "gone"]), "outcome": "yes"}]


def _bad_reference(plan: Raw, chance: random.Random) -> None:
    path = chance.choice(["/nope", "files", "/~", "/~2", "/files/-/x", "#", "//"])
    _of(plan, "is")["arguments"]["left"] = {"$from": "list", "path": path}


def _reference_to_a_later_step(plan: Raw, chance: random.Random) -> None:
    source = chance.choice(["mail", "ask", "gone", "is", "", "input", "$item"])
    _of(plan, "is")["arguments"]["left"] = {"$from": source, "path": ""}


def _forged_reference(plan: Raw, chance: random.Random) -> None:
    forged = [
        {"$from": "list", "path": "/files", "more": 1},
        {"$from": ["list"], "path": "/files"},
        {"$from": "list"},
        {"$from": {"$from": "list", "path": ""}, "path": ""},
        {"$from": "list", "path": None},
    ]
    _of(plan, "is")["arguments"]["left"] = chance.choice(forged)


def _forged_item(plan: Raw, chance: random.Random) -> None:
    """The item of a for-each, malformed inside of one."""
    forged = [
        {"$item": 7},
        {"$item": "", "$from": "list"},
        {"$item": {"$item": ""}},
        {"$item": "no-pointer"},
        {"$item": "/a", "more": 1},
        {"$item": None},
        {"$item": "/~"},
    ]
    _of(plan, "each")["arguments"]["arguments"]["path"] = chance.choice(forged)


def _item_outside(plan: Raw, chance: random.Random) -> None:
    """The item of a for-each where there is none."""
    path = chance.choice(["", "/a", "/0"])
    _of(plan, "go")["arguments"][chance.choice(["path", "content"])] = {"$item": path}


def _each_without_a_tool(plan: Raw, chance: random.Random) -> None:
    tool = chance.choice(["flow.each", "flow.run", "flow.ask", "shell.run", "", "files"])
    _of(plan, "each")["arguments"]["tool"] = tool


def _sub_run_too_deep(plan: Raw, chance: random.Random) -> None:
    inner = _of(plan, "sub")["arguments"]["steps"]
    for _ in range(chance.choice([3, 4, 6])):
        inner = [{"id": "s", "tool": "flow.run", "title": "", "arguments": {"goal": "Deeper", "steps": inner}}]
    _of(plan, "sub")["arguments"]["steps"] = inner


def _spoiled_sub_run(plan: Raw, chance: random.Random) -> None:
    inside = _of(plan, "sub")["arguments"]
    spoiled: list[Any] = [[], [7], [{"id": "a"}], inside["steps"] * 2, [{**inside["steps"][0], "depends_on": ["list"]}]]
    inside["steps"] = chance.choice(spoiled)


# Sizes and values -------------------------------------------------------------------------------------------------


def _huge(plan: Raw, chance: random.Random) -> None:
    step = _any(plan, chance)
    plan["steps"] += [{**step, "id": f"n{number}"} for number in range(chance.choice([50, 500]))]


def _deep(plan: Raw, chance: random.Random) -> None:
    value: Raw = "x"
    for _ in range(chance.choice(DEEP)):
        value = [value] if chance.random() < 0.5 else {"a": value}
    _of(plan, "go")["arguments"]["content"] = value


def _long_text(plan: Raw, chance: random.Random) -> None:
    target, key = chance.choice([(plan, "goal"), (_any(plan, chance), "title"), (plan, "note")])
    target[key] = chance.choice(["x", "ж", "💥"]) * 5_000


def _odd_text(plan: Raw, chance: random.Random) -> None:
    target, key = chance.choice([(plan, "goal"), (_any(plan, chance), "title")])
    target[key] = f"Call{chance.choice(ODD[:3])}Raj"


def _wrong_argument(plan: Raw, chance: random.Random) -> None:
    arguments = _of(plan, chance.choice(["list", "go", "mail"]))["arguments"]
    arguments[chance.choice(list(arguments))] = chance.choice([None, 7, {}, [7], True, float("nan"), "\x00", "\ud800"])


def _extra_argument(plan: Raw, chance: random.Random) -> None:
    _any(plan, chance)["arguments"][f"x{chance.random()}"] = chance.random()


def _waits_for_ever(plan: Raw, chance: random.Random) -> None:
    minutes = chance.choice([0, -1, 10**9, float("inf"), float("nan"), "5", None, True])
    _of(plan, chance.choice(["nap", "ask"]))["arguments"]["minutes"] = minutes


def _question_that_cannot_be(plan: Raw, chance: random.Random) -> None:
    change = chance.choice(
        [
            {"default": "perhaps"},
            {"buttons": BUTTONS * 2},
            {"buttons": [{"id": "a b", "label": "x"}]},
            {"fields": [{"name": "a", "label": "A", "type": "choice"}]},
            {"fields": [{"name": "a", "label": "A", "type": "password"}]},
            {"quorum": 0},
            {"people": ["nobody"]},
            {"text": ""},
        ]
    )
    _of(plan, "ask")["arguments"] |= change


SPOILERS: tuple[Spoil, ...] = tuple(
    found
    for name, found in list(globals().items())
    if name.startswith("_")
    and name not in {"_of", "_any", "_noise"}
    and callable(found)
    and getattr(found, "__module__", "") == __name__
)
