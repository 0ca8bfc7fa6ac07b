"""The broker's only use: telling some worker that a row wants attention. Losing one costs time, never work."""

import structlog
from celery import current_app
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)


def nudge(task: str, *arguments: str | int) -> None:
    """Send a task by name without waiting. A broker that is down is logged: the relay or a sweeper sends it again."""
    try:
        current_app.send_task(task, args=arguments, retry=False, ignore_result=True)
    except OperationalError as error:
        log.warning("nudge_not_sent", task=task, reason=type(error).__name__)
