"""Raw JSON from outside, of whatever shape, into a `PlanDraft` for the validator to judge."""

from dataclasses import replace

from agents.contracts import Branch, Json, JsonObject, PlanAuthor, PlanDraft, PlanFault, PlannedStep
from agents.errors import PlanUnreadable
from agents.planner.bounds import MAX_FAULTS, MAX_STEPS, too_many_steps
from agents.planner.values import MAX_DEPTH, shown, too_deep

# Around a step's arguments: the plan, its list of steps, the step.
_PLAN_DEPTH = MAX_DEPTH + 3


class _MalformedError(ValueError):
    """One part does not have the shape of a draft. Its text is the reason."""


def parse_draft(raw: Json, *, author: PlanAuthor) -> PlanDraft | tuple[PlanFault, ...]:
    """Read a plan as a planner wrote it.

    Returns:
        the draft, which still has to be validated, or the reasons why it is none. Never raises.
    """
    if not isinstance(raw, dict):
        return (PlanFault("bad_shape", "The plan is not a JSON object."),)
    if too_deep(raw, limit=_PLAN_DEPTH):
        return (PlanFault("too_deep", f"The plan nests deeper than {_PLAN_DEPTH} levels."),)
    items = raw.get("steps")
    if not isinstance(items, list):
        return (PlanFault("bad_shape", "The plan has no list of steps."),)
    if len(items) > MAX_STEPS:
        return (too_many_steps(len(items)),)
    return _draft(raw, items, author)


def stored_draft(body: JsonObject, *, author: PlanAuthor, note: str = "") -> PlanDraft:
    """Read a plan that was validated before it was stored.

    Raises:
        PlanUnreadable: it is none, for example because another version of the program has stored it.
    """
    draft = parse_draft({**body, "note": note}, author=author)
    if not isinstance(draft, PlanDraft):
        raise PlanUnreadable(draft)
    return replace(draft, steps=tuple(_with_sources(*pair) for pair in zip(draft.steps, _steps(body), strict=True)))


def _steps(body: JsonObject) -> list[Json]:
    steps = body["steps"]
    assert isinstance(steps, list)  # noqa: S101 - it has just been read as one
    return steps


def _with_sources(step: PlannedStep, stored: Json) -> PlannedStep:
    """Only what we have stored says where values come from: in a plan that somebody sends us nobody reads it."""
    marked = isinstance(stored, dict) and "sources" in stored
    return replace(step, sources=PlannedStep.from_stored(stored).sources) if marked else step


def stored_steps(items: Json) -> tuple[PlannedStep, ...]:
    """Read the steps of a sub-run, as they stand in a validated plan. Raises `PlanUnreadable`."""
    draft = parse_draft({"goal": "", "steps": items}, author=PlanAuthor.PERSON)
    if isinstance(draft, PlanDraft):
        return draft.steps
    raise PlanUnreadable(draft)


def _draft(raw: JsonObject, items: list[Json], author: PlanAuthor) -> PlanDraft | tuple[PlanFault, ...]:
    steps: list[PlannedStep] = []
    faults: list[PlanFault] = []
    for place, item in enumerate(items, start=1):
        try:
            steps.append(_step(item))
        except _MalformedError as error:
            faults.append(PlanFault("bad_shape", f"Step number {place}: {error}"))
    try:
        goal, note = _text(raw, "goal"), _text(raw, "note", default="")
    except _MalformedError as error:
        return (PlanFault("bad_shape", str(error)), *faults[: MAX_FAULTS - 1])
    return tuple(faults[:MAX_FAULTS]) or PlanDraft(goal=goal, note=note, steps=tuple(steps), author=author)


def _step(item: Json) -> PlannedStep:
    if not isinstance(item, dict):
        raise _MalformedError("it is not a JSON object.")
    arguments = item.get("arguments", {})
    if not isinstance(arguments, dict):
        raise _MalformedError("its arguments are not a JSON object.")
    critical = item.get("critical", True)
    if not isinstance(critical, bool):
        raise _MalformedError(f"“critical” is {shown(critical)}, not true or false.")
    return PlannedStep(
        id=_identifier(item.get("id")),
        tool=_text(item, "tool"),
        arguments=arguments,
        title=_text(item, "title", default=""),
        depends_on=_identifiers(item.get("depends_on")),
        critical=critical,
        only_if=_branches(item.get("only_if")),
    )


def _branches(value: Json) -> tuple[Branch, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > MAX_STEPS:
        raise _MalformedError("“only_if” is not a list of outcomes.")
    return tuple(_branch(item) for item in value)


def _branch(item: Json) -> Branch:
    if not isinstance(item, dict):
        raise _MalformedError("an outcome in “only_if” is not a JSON object.")
    return Branch(step=_identifier(item.get("step")), outcome=_text(item, "outcome"))


def _text(owner: JsonObject, key: str, *, default: str | None = None) -> str:
    value = owner.get(key)
    if isinstance(value, str):
        return value
    if value is None and default is not None:
        return default
    raise _MalformedError(f"“{key}” is missing." if value is None else f"“{key}” is {shown(value)}, not a text.")


def _identifier(value: Json) -> str:
    """Read a step id. Models often write 1 for "1", which is no reason to ask again."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_STEPS:
        return str(value)
    raise _MalformedError("its id is missing or not a text.")


def _identifiers(value: Json) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > MAX_STEPS:
        raise _MalformedError("“depends_on” is not a list of step ids.")
    return tuple(_identifier(item) for item in value)
