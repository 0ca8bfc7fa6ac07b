"""Step-up in templates."""

from django import template
from django.http import HttpRequest

from accounts.step_up import is_fresh

register = template.Library()


@register.filter
def proven(request: HttpRequest) -> bool:
    """Whether a risky act may follow; if not, the page asks for the proof before somebody fills in its form."""
    return is_fresh(request)
