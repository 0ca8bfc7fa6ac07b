"""A fresh proof before a risky act: somebody at a desk left open, or with a stolen session, does not get that far.

Who has a second factor shows it, anybody else the password, within the last minutes. Pages lead there and back again;
the API answers `step_up_required`.
"""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.selectors.sign_in import has_second_factor
from accounts.sign_in import records_of
from jarvis_site.kernel.errors import Forbidden

# Long enough to fill in a form, too short for the next person at the desk. As long as allauth takes it for fresh.
FRESH_SECONDS = 5 * 60


class StepUpRequired(Forbidden):
    code = "step_up_required"
    message = _("Show once more that it is you, then do it again. Nothing was changed.")
    leads_to = "account_prove"


def fresh_proof_require(request: HttpRequest) -> None:
    """Raises `StepUpRequired`. Keys never pass: nobody sits behind them."""
    if hasattr(request, "api_key") or not is_fresh(request):
        raise StepUpRequired


def is_fresh(request: HttpRequest) -> bool:
    """Whether the person has shown within the last minutes who they are, as well as they can."""
    user = request.user
    if not isinstance(user, User):
        return False
    oldest = time.time() - FRESH_SECONDS
    fresh = [record for record in records_of(session=request.session, user=user) if record["at"] > oldest]
    if any(record["method"] == "mfa" for record in fresh):
        return True
    return bool(fresh) and not has_second_factor(user=user)


def fresh_proof_required[**P, R: HttpResponseBase](view: Callable[P, R]) -> Callable[P, R]:
    """Decorator for pages, the form as well as its sending: the person is asked before they fill it in."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        request: Any = args[0]
        fresh_proof_require(request)
        return view(*args, **kwargs)

    return guarded
