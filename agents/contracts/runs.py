"""States of runs and steps."""

from enum import StrEnum


class RunState(StrEnum):
    RUNNING = "running"
    WAITING = "waiting"  # for people
    SLEEPING = "sleeping"  # for a time or an event
    PLANNING = "planning"  # the planner looks for another way
    PAUSED = "paused"  # by a person: what is under way ends, nothing new starts
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        return self in {RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED}


class StepState(StrEnum):
    BLOCKED = "blocked"  # earlier steps have to be out of the way first
    READY = "ready"
    RUNNING = "running"
    SLEEPING = "sleeping"  # until a time, an event, or the end of steps of its own: see `WaitsFor`
    ANSWERING = "answering"  # a human step: people have to answer
    ASKING = "asking"  # a consent is pending
    UNCERTAIN = "uncertain"  # nobody knows whether the effect happened; a person has to say
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    DENIED = "denied"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        return self in FINAL_STEP_STATES


class WaitsFor(StrEnum):
    """What a step that sleeps, or slept before it came back to the gate, was put aside for."""

    NOTHING = ""
    TIME = "time"
    GRACE = "grace"  # a final act is held for a moment in which it can be stopped
    EVENT = "event"
    PEOPLE = "people"
    STEPS = "steps"  # a for-each: its own steps
    RUN = "run"  # a sub-run
    ROOM = "room"  # a limit of steps at once is reached
    STOP = "stop"  # somebody has stopped everything that it belongs to


FINAL_STEP_STATES = frozenset(
    {StepState.SUCCEEDED, StepState.FAILED, StepState.DENIED, StepState.SKIPPED, StepState.CANCELLED}
)
# Nothing of these has begun: a plan may still change them, and a person may go on without them. Of a step whose
# outcome is unknown they say what became of it instead.
UNBEGUN_STEP_STATES = frozenset({StepState.BLOCKED, StepState.READY, StepState.ASKING})
SKIPPABLE_STEP_STATES = UNBEGUN_STEP_STATES | {StepState.SLEEPING, StepState.ANSWERING}


class Outcome(StrEnum):
    """What a person says about a step whose outcome is unknown."""

    HAPPENED = "happened"
    REPEAT = "repeat"
    GIVE_UP = "give_up"
