"""What of a run can be taken back, for the run's page."""

from django import template

from agents.models import Run
from agents.services import run_effects
from agents.services.undoing import refusal
from agents.undo import Effect, Summary

register = template.Library()


@register.simple_tag
def effects_of_run(run: Run) -> Summary:
    return run_effects(run=run)


@register.simple_tag
def effect_of_step(run: Run, key: str) -> Effect | None:
    """None when the step has done nothing."""
    return next(iter(run_effects(run=run, key=key).effects), None)


@register.filter
def undo_refusal(effect: Effect) -> str:
    return refusal(effect)
