"""Audit rows. The application's role may insert and read them; nobody but the owner of the tables may change them.

They hold ids, names of actions and rules, codes and counts, and nothing that a person wrote or is called, except
encrypted: the keys of these words stand beside them, in `AuditKey`, and are destroyed without touching a row of the
record. Every row gets a link in the chain of its organization soon after its commit (docs/adr/0023).
"""

from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from jarvis_site.audit.constraints import EntersQueue
from jarvis_site.kernel.tenancy.constraints import APPEND_ONLY, TenantFK, TenantPolicy
from jarvis_site.kernel.tenancy.models import TenantForeignKey, TenantModel

DIGEST_LENGTH = 64


class AuditEvent(TenantModel):
    """One thing that was decided or done.

    Attributes:
        member_id: Membership of who did it; null when the system did.
        resource_type, resource_id: what it was done to.
        run_id: the run it belongs to, so that one id joins message, step, consent and audit row.
        request_id: of the HTTP request or job, as in the logs.
        words_sealed: reasons, names, addresses, paths, encrypted with the row's own key; empty when there are none.
        words_digest: a commitment to them that says nothing without the key (`jarvis_site.audit.words`).
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
    words_digest = models.CharField(max_length=DIGEST_LENGTH, blank=True)
    words_sealed = models.TextField(blank=True)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints[:-1],
            TenantPolicy(append_only=True),
            EntersQueue("audit_auditunsealed"),
        ]
        indexes = [
            models.Index(fields=["organization", "-at"], name="audit_newest"),
            models.Index(fields=["organization", "run_id"], name="audit_of_run"),
            models.Index(fields=["organization", "resource_type", "resource_id"], name="audit_of_resource"),
        ]


class AuditKey(TenantModel):
    """What opens the words of one row. Without it nobody reads them again, here or in a copy of the record.

    Attributes:
        member_id: of the row, for erasing.
        key: wrapped with a key that comes from SECRET_KEY.
        addresses: keyed digests of the e-mail addresses in the words, for erasing.
    """

    event = TenantForeignKey(AuditEvent, on_delete=models.DO_NOTHING, related_name="keys")
    member_id = models.UUIDField(null=True)
    key = models.CharField(max_length=120)
    addresses = ArrayField(models.CharField(max_length=32), default=list)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            TenantFK("event"),
            models.UniqueConstraint(fields=["organization", "event"], name="audit_key_once"),
        ]
        indexes = [models.Index(fields=["organization", "member_id"], name="audit_key_of_member")]

    event_id: UUID


class AuditUnsealed(TenantModel):
    """A row of the record, by its id, that has no link yet. A trigger puts it in, the sealer takes it out."""

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints[:-1],
            TenantPolicy(app_rights=APPEND_ONLY, platform_rights=(*APPEND_ONLY, "DELETE")),
        ]


class AuditLink(TenantModel):
    """One link of an organization's chain. Only the sealer inserts; nobody but the owner changes.

    All digests are SHA-256 in hexadecimal digits, over the forms of `jarvis_site.audit.chain`.

    Attributes:
        number: 1, 2, 3 and so on in each organization, without gaps.
        event_id: of the row. It is no foreign key: that a row is missing is for the chain to say.
        run_tag: says of which run the row is, to whoever knows the run's id.
        content: digest of the row.
        previous: `hash` of the link before; zeros for the first.
        hash: of all the others.
    """

    number = models.BigIntegerField()
    event_id = models.UUIDField()
    run_tag = models.CharField(max_length=DIGEST_LENGTH)
    content = models.CharField(max_length=DIGEST_LENGTH)
    previous = models.CharField(max_length=DIGEST_LENGTH)
    hash = models.CharField(max_length=DIGEST_LENGTH)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints[:-1],
            TenantPolicy(app_rights=("SELECT",), platform_rights=APPEND_ONLY),
            models.UniqueConstraint(fields=["organization", "number"], name="audit_link_number"),
            models.UniqueConstraint(fields=["organization", "event_id"], name="audit_link_event"),
        ]
