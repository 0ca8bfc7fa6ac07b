"""The kernel's own table: jobs that still have to be done."""

from django.db import models
from django.db.models.functions import Now

from jarvis_site.kernel.tenancy.models import TenantModel


class Job(TenantModel):
    """One thing to do, see `jarvis_site.kernel.jobs`. Done jobs are deleted; dead ones stay for a person to look at."""

    name = models.CharField(max_length=100)
    arguments = models.JSONField(default=dict)
    attempt = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    not_before = models.DateTimeField(db_default=Now())
    nudged_at = models.DateTimeField(db_default=Now())
    leased_until = models.DateTimeField(null=True)
    dead_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=500, blank=True)

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(fields=["not_before"], name="kernel_job_due", condition=models.Q(dead_at__isnull=True)),
            models.Index(fields=["organization", "name"], name="kernel_job_by_name"),
        ]
