"""Formats that tools declare for their text arguments, checked strictly and without a network."""

import re
from datetime import date, datetime, time
from urllib.parse import urlsplit
from uuid import UUID

from jsonschema import FormatChecker

MAX_EMAIL = 254  # RFC 5321, 4.5.3.1.3: a path of 256 with its angle brackets

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_EMAIL = re.compile(rf"[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_LABEL}(?:\.{_LABEL})*")  # as HTML's input does
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:[0-9]{2})?", re.IGNORECASE)
_DATE_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:[0-9]{2})",
    re.IGNORECASE,
)

checker = FormatChecker(formats=())


@checker.checks("email")
def _is_email(value: object) -> bool:
    return not isinstance(value, str) or (len(value) <= MAX_EMAIL and _EMAIL.fullmatch(value) is not None)


@checker.checks("date", raises=ValueError)
def _is_date(value: object) -> bool:
    if not isinstance(value, str):
        return True
    date.fromisoformat(value)
    return _DATE.fullmatch(value) is not None


@checker.checks("time", raises=ValueError)
def _is_time(value: object) -> bool:
    if not isinstance(value, str):
        return True
    time.fromisoformat(value)
    return _TIME.fullmatch(value) is not None


@checker.checks("date-time", raises=ValueError)
def _is_date_time(value: object) -> bool:
    """Accept RFC 3339 with an offset, seconds optional: without an offset it is nobody's time."""
    if not isinstance(value, str):
        return True
    datetime.fromisoformat(value)
    return _DATE_TIME.fullmatch(value) is not None


@checker.checks("uri", raises=ValueError)
def _is_uri(value: object) -> bool:
    if not isinstance(value, str):
        return True
    parts = urlsplit(value)
    return bool(parts.scheme and (parts.netloc or parts.path)) and not re.search(r"[\s<>\"\\^`{|}]", value)


@checker.checks("uuid", raises=ValueError)
def _is_uuid(value: object) -> bool:
    if not isinstance(value, str):
        return True
    return str(UUID(value)) == value.lower()
