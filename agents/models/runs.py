"""The spine: runs, their plan versions, steps and numbered events."""

from uuid import UUID

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from agents.contracts import UNBEGUN_STEP_STATES, Approval, PlanAuthor, RunState, StepState, WaitsFor
from jarvis_site.kernel.tenancy.constraints import TenantFK, TenantPolicy
from jarvis_site.kernel.tenancy.models import TenantForeignKey, TenantModel

CODE_LENGTH = 5


class Run(TenantModel):
    """One request being carried out for one member.

    Attributes:
        conversation_id, message_id: where it came from; plain ids, because chat stands above this app.
        replans: how often the planner was asked for another way.
        parent_step_id: the step that this run is a part of, in another run; `depth` counts the runs above.
        limits: what the run may use at most, by `agents.contracts` name of the measure; empty where the usual holds.
        deadline_at: when it is stopped, whatever it is at.
        last_number: number of the newest `RunEvent`. The row lock on the run serialises its transitions.
    """

    member = TenantForeignKey("accounts.Membership", on_delete=models.PROTECT, related_name="+")
    goal = models.CharField(max_length=300)
    state = models.CharField(
        max_length=12, choices=[(state.value, state.value) for state in RunState], default=RunState.RUNNING
    )
    plan_version = models.PositiveIntegerField(default=1)
    approval = models.CharField(
        max_length=10, choices=[(approval.value, approval.value) for approval in Approval], default=Approval.STEPS
    )
    replans = models.PositiveSmallIntegerField(default=0)
    parent_step_id = models.UUIDField(null=True)
    depth = models.PositiveSmallIntegerField(default=0)
    limits = models.JSONField(default=dict)
    deadline_at = models.DateTimeField(null=True)
    conversation_id = models.UUIDField(null=True)
    message_id = models.UUIDField(null=True)
    last_number = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints[:-1],
            # Its plans and events are append-only and go with it: see docs/adr/0015.
            TenantPolicy(platform_deletes=True),
            TenantFK("member"),
        ]
        indexes = [
            models.Index(fields=["organization", "member", "-created_at"], name="agents_run_newest"),
            models.Index(fields=["organization", "conversation_id"], name="agents_run_conversation"),
            models.Index(
                fields=["organization", "parent_step_id"],
                name="agents_run_parent",
                condition=models.Q(parent_step_id__isnull=False),
            ),
            models.Index(
                fields=["deadline_at"], name="agents_run_deadline", condition=models.Q(finished_at__isnull=True)
            ),
        ]

    member_id: UUID

    @property
    def halted(self) -> bool:
        """Nothing new starts: somebody has paused it, or its plan, or the next version of it, is not settled yet."""
        return self.state in {RunState.PAUSED, RunState.PLANNING} or self.approval == Approval.PENDING

    @property
    def code(self) -> str:
        """A short name for people to say; several runs can have the same."""
        return f"R-{self.id.hex[-CODE_LENGTH:].upper()}"

    def __str__(self) -> str:
        return self.goal


class Plan(TenantModel):
    """An immutable version of a run's task graph. `reason`: why it is there, when it is not the first."""

    run = TenantForeignKey(Run, on_delete=models.CASCADE, related_name="plans")
    version = models.PositiveIntegerField()
    author = models.CharField(max_length=10, choices=[(author.value, author.value) for author in PlanAuthor])
    reason = models.CharField(max_length=500, blank=True)
    note = models.TextField(blank=True)
    body = models.JSONField()
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(db_default=Now())

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints[:-1],
            TenantPolicy(append_only=True),
            TenantFK("run"),
            models.UniqueConstraint(fields=["organization", "run", "version"], name="agents_plan_version"),
        ]


class Step(TenantModel):
    """One node of the current plan, or of an earlier one when it has begun.

    Attributes:
        key: the step's id in the plan; below a for-each the step's id, a dot and a number.
        parent: key of the for-each that it is a part of.
        depends_on: keys of the steps that must be out of the way before; `unmet` is how many are not.
        needs: keys of those whose result it uses: it can not do without them.
        only_if: outcomes of earlier steps that must hold, as `Branch.as_json`.
        version: the plan version that it has had this form since; `retired_in` the one that has left it out.
        undoes: key of the step whose effect it takes back.
        expected_seconds, expected_cost: for the person who approves the plan; cost in millionths of a US dollar.
        attempt: rises with each claim; the fencing token that a late writer lacks.
        repetition: rises when a person asks for the effect again; part of the idempotency key.
        not_before: when it is looked at next; None when only something that happens wakes it.
        waits_for: what it sleeps for, or slept for before it came back to the gate.
        leased_until: while it runs; a heartbeat extends it.
        effect_started_at: the call may have had its effect since then.
        resolved: arguments with references replaced, as they were decided on and sent.
    """

    run = TenantForeignKey(Run, on_delete=models.CASCADE, related_name="steps")
    key = models.CharField(max_length=40)
    position = models.PositiveIntegerField()
    tool = models.CharField(max_length=100)
    title = models.CharField(max_length=300)
    arguments = models.JSONField()
    depends_on = models.JSONField(default=list)
    needs = models.JSONField(default=list)
    only_if = models.JSONField(default=list)
    parent = models.CharField(max_length=40, blank=True)
    version = models.PositiveIntegerField(default=1)
    retired_in = models.PositiveIntegerField(null=True)
    undoes = models.CharField(max_length=40, blank=True)
    critical = models.BooleanField(default=True)
    icon = models.CharField(max_length=40, default="agents")
    read_only = models.BooleanField(default=False)
    idempotent = models.BooleanField(default=False)
    risk = models.CharField(max_length=10)
    reversibility = models.CharField(max_length=20)
    expected_seconds = models.FloatField(default=0.0)
    expected_cost = models.BigIntegerField(default=0)

    state = models.CharField(
        max_length=12, choices=[(state.value, state.value) for state in StepState], default=StepState.BLOCKED
    )
    unmet = models.PositiveIntegerField(default=0)
    attempt = models.PositiveIntegerField(default=0)
    repetition = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField(db_default=Now(), null=True)
    waits_for = models.CharField(
        max_length=10, blank=True, choices=[(reason.value, reason.value) for reason in WaitsFor]
    )
    nudged_at = models.DateTimeField(db_default=Now())
    leased_until = models.DateTimeField(null=True)
    effect_started_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    verdict = models.CharField(max_length=10, blank=True)
    rule = models.CharField(max_length=100, blank=True)
    rule_reason = models.CharField(max_length=500, blank=True)
    resolved = models.JSONField(null=True)
    output = models.JSONField(null=True)
    failure_code = models.CharField(max_length=60, blank=True)
    failure_message = models.TextField(blank=True)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            TenantFK("run"),
            models.UniqueConstraint(fields=["organization", "run", "key"], name="agents_step_key"),
        ]
        indexes = [
            models.Index(
                fields=["organization", "not_before"],
                name="agents_step_ready",
                condition=models.Q(state=StepState.READY),
            ),
            models.Index(
                fields=["organization", "-finished_at"],
                name="agents_step_failed",
                condition=models.Q(state=StepState.FAILED),
            ),
            models.Index(
                fields=["not_before"],
                name="agents_step_asleep",
                condition=models.Q(state__in=[StepState.SLEEPING, StepState.ANSWERING], not_before__isnull=False),
            ),
            models.Index(
                fields=["organization"], name="agents_step_running", condition=models.Q(state=StepState.RUNNING)
            ),
            models.Index(
                fields=["leased_until"], name="agents_step_leases", condition=models.Q(state=StepState.RUNNING)
            ),
        ]

    run_id: UUID

    @property
    def begun(self) -> bool:
        """A plan may not change it any more. What is held for a moment, stopped, or waits for
        room, has not begun."""
        if self.state == StepState.SLEEPING:
            return self.waits_for not in {WaitsFor.GRACE, WaitsFor.ROOM, WaitsFor.STOP}
        return self.state not in UNBEGUN_STEP_STATES

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt; another one only when a person asked for the effect once more."""
        return f"{self.run_id}:{self.key}:{self.repetition}"


class RunEvent(TenantModel):
    """Something that happened in a run. Screens are projections of these; a client asks for what came after N."""

    run = TenantForeignKey(Run, on_delete=models.CASCADE, related_name="events")
    number = models.PositiveIntegerField()
    at = models.DateTimeField(db_default=Now())
    kind = models.CharField(max_length=40)
    step = models.CharField(max_length=40, blank=True)
    data = models.JSONField(default=dict)

    class Meta(TenantModel.Meta):
        verbose_name = _("run event")
        constraints = [
            *TenantModel.Meta.constraints[:-1],
            TenantPolicy(append_only=True),
            TenantFK("run"),
            models.UniqueConstraint(fields=["organization", "run", "number"], name="agents_runevent_number"),
        ]
