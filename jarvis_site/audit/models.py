"""Audit rows. The application's role may insert and read them; nobody but the owner of the tables may change them."""

from django.db import models
from django.db.models.functions import Now

from jarvis_site.kernel.tenancy.constraints import TenantPolicy
from jarvis_site.kernel.tenancy.models import TenantModel


class AuditEvent(TenantModel):
    """One thing that was decided or done.

    Attributes:
        member_id: Membership of who did it; null when the system did.
        resource_type, resource_id: what it was done to.
        run_id: the run it belongs to, so that one id joins message, step, consent and audit row.
        request_id: of the HTTP request or job, as in the logs.
    """

    at = models.DateTimeField(db_default=Now())
    member_id = models.UUIDField(null=True)
    action = models.CharField(max_length=100)
    resource_type = models.CharField(max_length=60)
    resource_id = models.CharField(max_length=200)
    run_id = models.UUIDField(null=True)
    decision = models.CharField(max_length=20, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    details = models.JSONField(default=dict)
    request_id = models.CharField(max_length=64, blank=True)

    class Meta(TenantModel.Meta):
        constraints = [*TenantModel.Meta.constraints[:-1], TenantPolicy(append_only=True)]
        indexes = [
            models.Index(fields=["organization", "-at"], name="audit_newest"),
            models.Index(fields=["organization", "run_id"], name="audit_of_run"),
        ]
