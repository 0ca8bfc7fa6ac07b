"""Failures that the agents expect."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.utils.translation import gettext_lazy as _

from agents.contracts import PlanFault
from jarvis_site.kernel.errors import Conflict, Invalid, JarvisError, Text


class PlannerFailed(JarvisError):
    """The planner could not answer. Nothing was carried out; the message is fit for the person."""

    code = "planner_failed"
    status = 503
    message = _("The planner could not answer. Nothing was done; please try again in a moment.")
    retryable = True


class PlanUnreadable(PlannerFailed):
    """The planner answered, but not in a form that can be used. It may be told why and try again.

    Args:
        faults: what was wrong, for the planner and for the person.
    """

    code = "plan_unreadable"
    message = _("The planner's answer could not be read. Nothing was done; please try again or say it another way.")

    def __init__(self, faults: Sequence[PlanFault], message: Text = "") -> None:
        super().__init__(message)
        self.faults = tuple(faults)


class LimitReached(PlannerFailed):
    """What may be used is used up, or set aside for work under way. Nothing was asked of a model, nothing was done.

    Args:
        message: which limit it is and when it goes on, for the person.
        retryable: work under way may leave enough.
    """

    code = "limit_reached"
    status = 429
    message = _("What may be used is used up. Nothing was done.")
    retryable = False


class PlanRefused(Invalid):
    """A person's change does not make a plan that can be carried out. Nothing was changed.

    Args:
        faults: the reasons.
    """

    code = "plan_refused"
    message = _("This plan could not be carried out, so nothing was changed.")

    def __init__(self, faults: Sequence[PlanFault]) -> None:
        super().__init__(" ".join(fault.message for fault in faults))
        self.faults = tuple(faults)

    @property
    def details(self) -> dict[str, Any]:
        return {"faults": [asdict(fault) for fault in self.faults]}


class CannotUndo(Conflict):
    """What was done can not be taken back, or not now. Nothing was changed."""

    code = "cannot_undo"
    message = _("There is nothing here that can be taken back.")


class CannotRetry(Conflict):
    """A step can not be done once more as things stand; the message says why. Nothing was changed."""

    code = "cannot_retry"
    message = _("This can not be done once more as things stand. Nothing was changed.")


class BadAnswer(Invalid):
    """The answer to a human step does not fit its form. Nothing was stored."""

    code = "bad_answer"
    message = _("The answer does not fit what was asked. Nothing was stored.")


class UnresolvedReference(JarvisError):
    """An argument refers to an output that an earlier step did not give.

    Args:
        step: id of the step that was referred to.
        path: JSON Pointer into its output.
    """

    code = "unresolved_reference"
    status = 409
    message = _("A step needs a result that an earlier step did not give.")

    def __init__(self, *, step: str, path: str) -> None:
        super().__init__()
        self.step = step
        self.path = path
