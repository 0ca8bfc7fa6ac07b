"""The websocket door: following a run."""

from uuid import UUID

from accounts.contracts import Actor
from agents.selectors import events_after, run_get
from jarvis_site.kernel.realtime import CatchUp, topic

# A page fetches whole fragments; after a long absence the newest number is all it needs to know.
MOST_FRAMES = 100


@topic("run")
def follow(actor: Actor, run_id: UUID, after: int) -> CatchUp:
    run = run_get(run_id=run_id, actor=actor)
    missed = events_after(run=run, number=max(after, run.last_number - MOST_FRAMES))
    frames = [{"type": "run.event", "number": event.number, "kind": event.kind, "step": event.step} for event in missed]
    return CatchUp(number=run.last_number, frames=frames)
