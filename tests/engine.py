"""Workers without a broker: does everything that is due, in this process, until nothing is left."""

import pytest

from accounts.models import SiteMail
from accounts.services.site_mail import mail_send
from agents.contracts import StepState
from agents.models import Step
from agents.orchestrator import ToolExecutor
from agents.workflows import worker as steps
from jarvis_site.celery import app
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.jobs import worker as jobs
from jarvis_site.kernel.models import Job
from jarvis_site.kernel.tenancy import all_tenants

__all__ = ["Workers", "workers"]

# A loop that never comes to rest is a bug, not something to wait for.
MOST_ROUNDS = 200


class Workers:
    def jobs(self) -> int:
        """Run every job that is due. Returns how many."""
        with all_tenants():
            due = list(
                Job.objects.filter(dead_at__isnull=True, not_before__lte=db_now())
                .order_by("created_at")
                .values_list("id", "organization_id")
            )
        return sum(jobs.run(job_id=job_id, organization_id=organization) for job_id, organization in due)

    def mails(self) -> int:
        """Send every mail about accounts that is due. Returns how many were tried."""
        due = list(SiteMail.objects.filter(not_before__lte=db_now()).order_by("created_at", "id"))
        return sum(mail_send(mail_id=mail.id) for mail in due)

    def steps(self) -> int:
        """Carry out every step that is ready. Returns how many."""
        with all_tenants():
            ready = list(
                Step.objects.filter(state=StepState.READY, not_before__lte=db_now()).values_list(
                    "id", "organization_id"
                )
            )
        return sum(
            steps.execute(step_id=step_id, organization_id=organization, executor=ToolExecutor())
            for step_id, organization in ready
        )

    def drain(self) -> None:
        """Work until nothing is due."""
        for _round in range(MOST_ROUNDS):
            if not self.jobs() + self.steps():
                return
        raise AssertionError("the work never ends")


@pytest.fixture
def workers() -> Workers:
    app.loader.import_default_modules()
    return Workers()
