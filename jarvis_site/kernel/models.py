"""The kernel's own tables: jobs that still have to be done, and requests that must not be done twice."""

from django.db import models
from django.db.models.functions import Now

from jarvis_site.kernel.tenancy.models import TenantModel


class IdempotentRequest(TenantModel):
    """A request to the API that named an `Idempotency-Key`: repeating it gives the answer that it gave.

    Attributes:
        member_id: whose key it is; two people may choose the same.
        fingerprint: SHA-256 over method, path and body: the same key with another request is a mistake.
        status: of the answer; None while the first one is under way.
    """

    member_id = models.UUIDField()
    key = models.CharField(max_length=200)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["organization", "member_id", "key"], name="kernel_idempotentrequest_key"),
        ]
        indexes = [models.Index(fields=["created_at"], name="kernel_idempotent_age")]


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
