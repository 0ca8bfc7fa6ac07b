"""Typed events between apps: orders go down as calls, news goes up as events.

An event is published inside the transaction that made it true and delivered after the commit by a worker, through the
job outbox. A handler and the removal of its job share one transaction, so what a handler does to the database happens
exactly once, even when it is delivered twice.
"""

import dataclasses
import typing
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jarvis_site.kernel.jobs import JobType, declare


@dataclass(frozen=True)
class Event:
    """Base of all events. Fields are UUIDs, texts, numbers and flags: enough to look the rest up."""


_subscribers: dict[type[Event], list[JobType]] = defaultdict(list)


def on[E: Event](event_type: type[E]) -> Callable[[Callable[[E], None]], Callable[[E], None]]:
    """Decorator: call the function with each event of that type. Used in an app's `handlers.py`."""

    def register(function: Callable[[E], None]) -> Callable[[E], None]:
        app = function.__module__.partition(".handlers")[0]
        job = declare(f"{app}.{function.__name__}", atomic=True)

        def deliver(**fields: Any) -> None:
            function(event_type(**fields))

        deliver.__annotations__ = typing.get_type_hints(event_type)
        job.handler(deliver)
        _subscribers[event_type].append(job)
        return function

    return register


def publish(event: Event) -> None:
    """Write one job for each subscriber in the current transaction."""
    fields = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
    for job in _subscribers[type(event)]:
        job.enqueue(**fields)
