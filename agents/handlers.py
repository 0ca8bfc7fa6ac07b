"""What the engine hears from below: answers of people."""

from django.utils.translation import gettext as _

from agents.services import step_answered
from jarvis_site.kernel.events import on
from permissions.contracts import ConsentState
from permissions.events import ConsentDecided
from permissions.selectors import consents_of_run


@on(ConsentDecided)
def continue_step(event: ConsentDecided) -> None:
    state = ConsentState(event.state)
    reason = consents_of_run(run_id=event.run_id).filter(id=event.consent_id).values_list("reason", flat=True).first()
    words = reason or (_("Nobody answered in time.") if state is ConsentState.EXPIRED else _("You said no."))
    step_answered(run_id=event.run_id, step_id=event.step_id, approved=state is ConsentState.APPROVED, reason=words)
