"""What runs have used, in templates."""

from dataclasses import dataclass

from django import template
from django.utils.formats import number_format

from agents.contracts.limits import LimitKind, Measure, Period, Scope
from agents.limits import amount_in_words, overrides, run_amount
from agents.models import Run
from agents.spending import used_of

register = template.Library()

_SHOWN = tuple(LimitKind(Scope.RUN, measure, Period.RUN) for measure in (Measure.TOKENS, Measure.MONEY))


@dataclass(frozen=True, slots=True)
class Spent:
    """`12,300` of `500,000 tokens`; `most` is empty without a limit, and `used` then says of what."""

    used: str
    most: str


@register.simple_tag
def spent_by(run: Run) -> list[Spent]:
    """What models and paid tools have used for a run; one query."""
    found = used_of(subject_ids=[run.id])
    rows = [(kind, found.get((run.id, kind.measure.value, kind.period.value))) for kind in _SHOWN]
    return [_spent(kind, row.used, run) for kind, row in rows if row is not None and row.used]


def _spent(kind: LimitKind, used: int, run: Run) -> Spent:
    most = run_amount(kind, run, overrides())
    if most is None:
        return Spent(amount_in_words(kind.measure, used), "")
    plain = number_format(used, force_grouping=True) if kind.measure is Measure.TOKENS else ""
    return Spent(plain or amount_in_words(kind.measure, used), amount_in_words(kind.measure, most))
