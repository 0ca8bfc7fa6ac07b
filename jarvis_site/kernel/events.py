"""Typed events between apps: orders go down as calls, news goes up as events.

An event is published inside the transaction that made it true and delivered after the commit by a worker, through the
job outbox. A handler and the removal of its job share one transaction, so what a handler does to the database happens
exactly once, even when it is delivered twice.

What can not wait for a worker, such as the end of open sockets, is called `at_once` beside that.
"""

import dataclasses
import typing
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import transaction

from jarvis_site.kernel.jobs import JobType, declare


@dataclass(frozen=True)
class Event:
    """Base of all events. Fields are UUIDs, texts, numbers and flags: enough to look the rest up."""


_subscribers: dict[type[Event], list[JobType]] = defaultdict(list)
_at_once: dict[type[Event], list[Callable[[Any], None]]] = defaultdict(list)


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


def at_once[E: Event](event_type: type[E]) -> Callable[[Callable[[E], None]], Callable[[E], None]]:
    """Decorator: call the function with each event of that type in the process that published it, right after the
    commit. It is lost when the process dies in between: only for what something slower repairs."""

    def register(function: Callable[[E], None]) -> Callable[[E], None]:
        _at_once[event_type].append(function)
        return function

    return register


def publish(event: Event) -> None:
    """Write one job for each subscriber in the current transaction."""
    for function in _at_once[type(event)]:
        transaction.on_commit(partial(function, event), robust=True)
    fields = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
    for job in _subscribers[type(event)]:
        job.enqueue(**fields)
