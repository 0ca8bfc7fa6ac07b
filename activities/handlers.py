"""What the diary listens to."""

from activities.services import activity_keep
from agents.events import ActDone
from agents.selectors import step_done
from jarvis_site.kernel.events import on


@on(ActDone)
def keep(event: ActDone) -> None:
    step = step_done(step_id=event.step_id)
    if step is None or step.finished_at is None:
        return
    activity_keep(
        member_id=step.run.member_id,
        source=f"step:{step.id}",
        kind=step.tool,
        icon=step.icon,
        title=step.title,
        run_id=step.run_id,
        at=step.finished_at,
    )
