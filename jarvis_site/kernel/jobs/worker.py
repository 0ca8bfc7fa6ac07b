"""Carrying out of jobs: claim with a lease, heartbeat, run, delete; back-off, and a dead letter at the end."""

import json
import random
from datetime import timedelta
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Q, QuerySet
from psycopg.types.json import Jsonb

from jarvis_site.kernel.clock import db_now, waited
from jarvis_site.kernel.errors import JarvisError
from jarvis_site.kernel.ids import joining
from jarvis_site.kernel.jobs import MAX_ATTEMPTS, RUN_JOB_TASK, JobType, declared, nudge
from jarvis_site.kernel.leases import kept
from jarvis_site.kernel.models import Job
from jarvis_site.kernel.tenancy import all_tenants, tenant
from jarvis_site.kernel.tenancy.statements import fetch

log = structlog.get_logger(__name__)

FIRST_RETRY_SECONDS = 1.0
LONGEST_RETRY_SECONDS = 300.0
# A nudge normally arrives within milliseconds; after this long it is taken for lost.
NUDGE_LOST_AFTER = timedelta(seconds=3)
RELAY_BATCH = 200
# A job of an unknown kind is taken for a second only: perhaps a newer worker's.
_CLAIM = """
    UPDATE kernel_job
    SET attempt = attempt + 1,
        leased_until = STATEMENT_TIMESTAMP() + make_interval(secs => COALESCE((%(leases)s ->> name)::float, 1))
    WHERE organization_id = %(organization)s AND id = %(id)s AND dead_at IS NULL
        AND not_before <= STATEMENT_TIMESTAMP() AND (leased_until IS NULL OR leased_until < STATEMENT_TIMESTAMP())
    RETURNING name, arguments, attempt
"""
_FINISH = """
    DELETE FROM kernel_job WHERE organization_id = %(organization)s AND id = %(id)s AND attempt = %(attempt)s
    RETURNING id
"""


def run(*, job_id: UUID, organization_id: UUID) -> bool:
    """Run one job if it is due and nobody else has it. Returns whether this call ran it."""
    with tenant(organization_id):
        job = claim(job_id)
        if job is None:
            return False
        _carry_out(job)
        return True


def claim(job_id: UUID) -> Job | None:
    """Take the job by a conditional update; the raised attempt is the fencing token of this run."""
    leases = {name: kind.lease_seconds for name, kind in declared().items()}
    for name, arguments, attempt in fetch(_CLAIM, id=job_id, leases=Jsonb(leases)):
        return Job(id=job_id, name=name, arguments=json.loads(arguments), attempt=attempt)
    return None


def relay() -> int:
    """Nudge again for every due job whose nudge seems lost or whose worker died. Returns how many."""
    with all_tenants(), transaction.atomic(using="platform"):
        due = list(
            _due()
            .select_for_update(skip_locked=True)
            .filter(nudged_at__lt=db_now(plus=-NUDGE_LOST_AFTER))
            .order_by("not_before")
            .values_list("id", "organization_id")[:RELAY_BATCH]
        )
        Job.objects.filter(id__in=[job_id for job_id, _ in due]).update(nudged_at=db_now())
    for job_id, organization_id in due:
        nudge(RUN_JOB_TASK, str(job_id), str(organization_id))
    return len(due)


def lag() -> float:
    """How many seconds the oldest job waits that is due and that nobody works at; 0 when there is none."""
    with all_tenants():
        return waited(_due())


def _due() -> QuerySet[Job]:
    free = Q(leased_until__isnull=True) | Q(leased_until__lt=db_now())
    return Job.objects.filter(free, dead_at__isnull=True, not_before__lte=db_now())


def _carry_out(job: Job) -> None:
    kind = declared().get(job.name)
    if kind is None:
        # Perhaps a newer version's, met by a worker that has not been replaced yet.
        _fail(job, reason="unknown job", final=job.attempt >= MAX_ATTEMPTS)
        return
    about = {"job": job.name, "job_id": str(job.id), **joining(job.arguments)}
    structlog.contextvars.bind_contextvars(**about)
    try:
        _run_handler(kind, job)
    except JarvisError as error:
        _fail(job, reason=str(error), final=not error.retryable or job.attempt >= kind.max_attempts)
    except Exception as error:  # a door's top level: whatever the handler did wrong, the job must not vanish
        log.exception("job_failed", attempt=job.attempt)
        _fail(job, reason=type(error).__name__, final=job.attempt >= kind.max_attempts)
    finally:
        structlog.contextvars.unbind_contextvars(*about)


def _run_handler(kind: JobType, job: Job) -> None:
    if kind.atomic:
        with transaction.atomic():
            if _finish(job):
                kind.run(job.arguments)
        return
    with kept(lambda: _extend(job, kind.lease_seconds), lease_seconds=kind.lease_seconds):
        kind.run(job.arguments)
    _finish(job)


def _finish(job: Job) -> bool:
    return bool(fetch(_FINISH, id=job.id, attempt=job.attempt))


def _fail(job: Job, *, reason: str, final: bool) -> None:
    delay = min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** (job.attempt - 1)) * random.uniform(0.8, 1.2)  # noqa: S311
    Job.objects.filter(id=job.id, attempt=job.attempt).update(
        leased_until=None,
        not_before=db_now(plus=timedelta(seconds=delay)),
        nudged_at=db_now(plus=timedelta(seconds=delay) - NUDGE_LOST_AFTER),
        dead_at=db_now() if final else None,
        last_error=reason[:500],
    )
    log.warning("job_dead" if final else "job_retries", job=job.name, attempt=job.attempt, reason=reason[:500])


def _extend(job: Job, seconds: float) -> None:
    Job.objects.filter(id=job.id, attempt=job.attempt).update(leased_until=db_now(plus=timedelta(seconds=seconds)))
