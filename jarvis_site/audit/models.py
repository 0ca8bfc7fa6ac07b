"""Audit rows. The application's role may insert and read them; nobody but the owner of the tables may change them.

They hold ids, names of actions and rules, codes and counts, and nothing that a person wrote or is called: that is kept
beside them, in `AuditWords`, and can be erased without touching a row of the record.
"""

from uuid import UUID

from django.db import models
from django.db.models.functions import Now

from jarvis_site.kernel.tenancy.constraints import TenantFK, TenantPolicy
from jarvis_site.kernel.tenancy.models import TenantForeignKey, TenantModel


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
    details = models.JSONField(default=dict)
    request_id = models.CharField(max_length=64, blank=True)

    class Meta(TenantModel.Meta):
        constraints = [*TenantModel.Meta.constraints[:-1], TenantPolicy(append_only=True)]
        indexes = [
            models.Index(fields=["organization", "-at"], name="audit_newest"),
            models.Index(fields=["organization", "run_id"], name="audit_of_run"),
        ]


class AuditWords(TenantModel):
    """What a person wants to read beside an audit row: reasons, names, addresses, paths. At most one for each.

    Attributes:
        member_id: of the row, for erasing.
    """

    event = TenantForeignKey(AuditEvent, on_delete=models.DO_NOTHING, related_name="words")
    member_id = models.UUIDField(null=True)
    words = models.JSONField()

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            TenantFK("event"),
            models.UniqueConstraint(fields=["organization", "event"], name="audit_words_once"),
        ]
        indexes = [models.Index(fields=["organization", "member_id"], name="audit_words_of_member")]

    event_id: UUID
