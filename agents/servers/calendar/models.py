"""Tables of the built-in calendar. Each row belongs to one member; with a CalDAV server only `Event` stays empty."""

from uuid import UUID

from django.db import models
from django.db.models.functions import Now

from jarvis_site.kernel.tenancy.constraints import TenantFK
from jarvis_site.kernel.tenancy.models import TenantForeignKey, TenantModel

# Longer texts are no titles or places; the tools refuse them with a sentence, the database is the last wall.
SHORT = 500


class Event(TenantModel):
    """An event or a series; see `contracts.CalendarEvent` for what the fields mean.

    `happens_until` is a time after which nothing of it happens, null for a series without end, so that a window of time
    is found without unfolding every series.
    """

    owner = TenantForeignKey("accounts.Membership", on_delete=models.CASCADE, related_name="+")
    uid = models.CharField(max_length=255)
    title = models.CharField(max_length=SHORT)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    timezone = models.CharField(max_length=64)
    all_day = models.BooleanField(default=False)
    attendees = models.JSONField(default=list)
    location = models.CharField(max_length=SHORT, blank=True)
    description = models.TextField(blank=True)
    rrule = models.CharField(max_length=SHORT, blank=True)
    exdates = models.JSONField(default=list)
    overrides = models.JSONField(default=list)
    sequence = models.PositiveIntegerField(default=0)
    organizer_name = models.CharField(max_length=SHORT, blank=True)
    organizer_email = models.CharField(max_length=254, blank=True)
    happens_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    owner_id: UUID

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            TenantFK("owner"),
            models.UniqueConstraint(fields=["organization", "owner", "uid"], name="calendar_event_uid"),
            models.CheckConstraint(
                condition=models.Q(ends_at__gte=models.F("starts_at")), name="calendar_event_ends_after_start"
            ),
        ]
        indexes = [models.Index(fields=["organization", "owner", "starts_at"], name="calendar_event_by_time")]

    def __str__(self) -> str:
        return self.title


class Reminder(TenantModel):
    """Something to be told at a time. `due_at` is when it rings next, null when it has rung for the last time."""

    owner = TenantForeignKey("accounts.Membership", on_delete=models.CASCADE, related_name="+")
    text = models.CharField(max_length=SHORT)
    starts_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)
    rung_at = models.DateTimeField(null=True)
    timezone = models.CharField(max_length=64)
    rrule = models.CharField(max_length=SHORT, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    owner_id: UUID

    class Meta(TenantModel.Meta):
        constraints = [*TenantModel.Meta.constraints, TenantFK("owner")]
        indexes = [
            models.Index(fields=["organization", "owner", "due_at"], name="calendar_reminder_by_owner"),
            models.Index(fields=["due_at"], name="calendar_reminder_due", condition=models.Q(due_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.text


class Deed(TenantModel):
    """What a call was asked to do and what came of it, so that its repetition changes nothing and answers the same.

    `target` says which event was meant when the call first came; `result` is null until the deed is done.
    """

    owner = TenantForeignKey("accounts.Membership", on_delete=models.CASCADE, related_name="+")
    idempotency_key = models.CharField(max_length=200)
    operation = models.CharField(max_length=50)
    target = models.JSONField(default=dict)
    result = models.JSONField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    owner_id: UUID

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            TenantFK("owner"),
            models.UniqueConstraint(fields=["organization", "idempotency_key"], name="calendar_deed_once"),
        ]


class Feed(TenantModel):
    """The secret address under which a member's calendar can be read by calendar programs; one for each member.

    Only the SHA-256 of the secret is kept: 256 random bits need no slow hash.
    """

    owner = TenantForeignKey("accounts.Membership", on_delete=models.CASCADE, related_name="+")
    secret_hash = models.CharField(max_length=64)
    created_at = models.DateTimeField(db_default=Now())

    owner_id: UUID

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            TenantFK("owner"),
            models.UniqueConstraint(fields=["organization", "owner"], name="calendar_feed_one_each"),
        ]
        indexes = [models.Index(fields=["organization", "secret_hash"], name="calendar_feed_by_secret")]
