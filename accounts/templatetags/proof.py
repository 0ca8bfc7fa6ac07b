"""Step-up in templates."""

from django import template
from django.http import HttpRequest

from accounts.step_up import is_fresh

register = template.Library()


@register.filter
def proven(request: HttpRequest) -> bool:
    """Whether a risky act may follow; if not, the page asks for the proof before somebody fills in its form.

    Looked up once for a page, which may have such a button in each of its rows.
    """
    if not hasattr(request, "proof_is_fresh"):
        request.proof_is_fresh = is_fresh(request)  # type: ignore[attr-defined]  # ours
    found: bool = request.proof_is_fresh  # type: ignore[attr-defined]
    return found
