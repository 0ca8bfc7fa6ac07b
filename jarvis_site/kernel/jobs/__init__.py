"""Durable background jobs. A job is a row written in the caller's transaction (a transactional outbox); the broker
only carries a nudge to look at the row. A worker claims the row with a lease, runs the handler, and deletes the row.
A lost nudge, a killed worker or a flushed broker delay a job; they never lose it. Handlers run at least once.

This is not for steps of a run: those have rows of their own (`agents.workflows`) and use only `nudge`.
"""

from __future__ import annotations

import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction

from jarvis_site.kernel.jobs.nudges import nudge

__all__ = ["JobType", "declare", "declared", "nudge"]

RUN_JOB_TASK = "kernel.run_job"

# Long enough for a slow hiccup, short enough that a killed worker's job is picked up while a person still waits.
LEASE_SECONDS = 20
MAX_ATTEMPTS = 8


@dataclass(slots=True)
class JobType:
    """A kind of job. Declared in an app's `jobs.py`, enqueued by services, handled in `tasks.py`.

    Attributes:
        atomic: handler and deletion of the row share one transaction, so database effects happen exactly once.
            Only for short handlers that touch nothing but the database.
    """

    name: str
    max_attempts: int = MAX_ATTEMPTS
    lease_seconds: int = LEASE_SECONDS
    atomic: bool = False
    _handler: Callable[..., None] | None = field(default=None, repr=False)

    def enqueue(self, **arguments: Any) -> UUID:
        """Write the job in the current transaction and nudge a worker after the commit. Returns the job's id."""
        # Models load after the apps that declare jobs.
        from jarvis_site.kernel.models import Job
        from jarvis_site.kernel.tenancy.statements import append

        job = Job(name=self.name, arguments=_as_json(arguments))
        append(job)
        organization = job.organization_id
        transaction.on_commit(lambda: nudge(RUN_JOB_TASK, str(job.id), str(organization)))
        return job.id

    def handler[F: Callable[..., None]](self, function: F) -> F:
        """Decorator for the one function that does the work; its annotations say how the arguments are read."""
        if self._handler is not None:
            raise RuntimeError(f"job {self.name} has two handlers")
        self._handler = function
        return function

    @property
    def handled(self) -> bool:
        return self._handler is not None

    def run(self, arguments: dict[str, Any]) -> None:
        if self._handler is None:
            raise RuntimeError(f"job {self.name} has no handler")
        self._handler(**_from_json(self._handler, arguments))


_declared: dict[str, JobType] = {}


def declare(name: str, **options: Any) -> JobType:
    """Register a kind of job under `<app>.<verb>`. The options are the fields of `JobType`."""
    if name in _declared:
        raise RuntimeError(f"job {name} is declared twice")
    _declared[name] = JobType(name=name, **options)
    return _declared[name]


def declared() -> dict[str, JobType]:
    return dict(_declared)


def _as_json(arguments: dict[str, Any]) -> dict[str, Any]:
    return {key: str(value) if isinstance(value, UUID) else value for key, value in arguments.items()}


def _from_json(function: Callable[..., None], arguments: dict[str, Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(function)
    return {key: _read(value, hints.get(key)) for key, value in arguments.items()}


def _read(value: Any, hint: Any) -> Any:
    wants_uuid = hint is UUID or UUID in typing.get_args(hint)
    return UUID(value) if wants_uuid and isinstance(value, str) else value
