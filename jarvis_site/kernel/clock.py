"""Time. What the engine compares comes from the database's clock, so that machines may disagree about the hour."""

from datetime import datetime, timedelta

from django.db import connections
from django.db.models import DateTimeField, Expression, ExpressionWrapper, F, Model, QuerySet, Value
from django.db.models.functions import Now


def db_now(*, plus: timedelta = timedelta()) -> Expression:
    """Return an SQL expression: the database's transaction time, moved by `plus`."""
    if not plus:
        return Now()
    return ExpressionWrapper(Now() + Value(plus), output_field=DateTimeField())


def db_time(*, using: str = "default") -> datetime:
    """Ask the database for its clock (aware, to the microsecond). One round trip."""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        row = cursor.fetchone()
    moment: datetime = row[0]
    return moment


def waited[M: Model](due: QuerySet[M]) -> float:
    """How many seconds ago the first of these rows became due, by their `not_before`; 0 when there is none."""
    since = due.order_by("not_before").values_list(db_now() - F("not_before"), flat=True).first()
    return since.total_seconds() if since is not None else 0.0
