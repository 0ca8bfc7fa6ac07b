"""What the engine hears from below: answers of people."""

from django.utils.translation import gettext as _

from agents.events import RunFinished
from agents.services import part_ended, plan_answered, step_answered
from jarvis_site.kernel.events import on
from permissions.contracts import ConsentState
from permissions.events import ConsentDecided
from permissions.selectors import consents_of_run


@on(ConsentDecided)
def continue_step(event: ConsentDecided) -> None:
    state = ConsentState(event.state)
    consent = consents_of_run(run_id=event.run_id).filter(id=event.consent_id).first()
    if consent is None:
        return  # the run was deleted meanwhile
    approved = state is ConsentState.APPROVED
    words = consent.reason or (_("Nobody answered in time.") if state is ConsentState.EXPIRED else _("You said no."))
    if consent.step_id is None:
        plan_answered(consent=consent, approved=approved, reason=words)
    else:
        step_answered(run_id=event.run_id, step_id=consent.step_id, approved=approved, reason=words)


@on(RunFinished)
def continue_above(event: RunFinished) -> None:
    part_ended(run_id=event.run_id)
