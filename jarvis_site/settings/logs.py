"""Structured logs: JSON lines for machines, coloured lines for people; every line carries the request id."""

import re
from collections.abc import MutableMapping
from typing import Any

import structlog

# A calendar feed's address holds its secret.
_SECRET_PATH = re.compile(r"(/calendar/feed/)[^/\s?'\"]+")


def _without_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Redact secrets that are part of an address, wherever in the line the address stands."""
    for key, value in event.items():
        if isinstance(value, str) and "/calendar/feed/" in value:
            event[key] = _SECRET_PATH.sub(r"\1[secret]", value)
    return event


_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    _without_secrets,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def logging_config(*, json_lines: bool, level: str) -> dict[str, Any]:
    """Return the `LOGGING` dictionary and configure structlog to go through it."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.processors.format_exc_info,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    # Plain tracebacks: the pretty ones print local variables, and those hold secrets and other people's words.
    plain = structlog.dev.plain_traceback
    renderer = (
        structlog.processors.JSONRenderer() if json_lines else structlog.dev.ConsoleRenderer(exception_formatter=plain)
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "lines": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processor": renderer,
                "foreign_pre_chain": _SHARED,
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "httpx2": {"level": "WARNING"},
            "httpcore2": {"level": "WARNING"},
            "mcp": {"level": "WARNING"},
            # Two lines for each nudge, which say less than ours about the job itself.
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "django.channels.server": {"level": "WARNING"},
        },
    }
