"""Human steps: what people are asked to do or say in a run, and what they answered."""

from uuid import UUID

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from agents.models.runs import Run
from jarvis_site.kernel.tenancy.constraints import TenantFK
from jarvis_site.kernel.tenancy.models import TenantForeignKey, TenantModel


class HumanTask(TenantModel):
    """A human step that was put to people.

    Attributes:
        step_id: the step's row.
        form: what is asked: `text` (Markdown), `fields` and `buttons`, as in the arguments of `flow.ask`.
        quorum: how many people have to press the same button.
        deadline_at: when `default` (a button) counts as pressed; without a default the step fails then.
        outcome: the button that counted, empty while nothing has.
        closed_at: when it was decided, or no longer needed.
    """

    run = TenantForeignKey(Run, on_delete=models.CASCADE, related_name="tasks")
    step_id = models.UUIDField()
    title = models.CharField(max_length=300)
    form = models.JSONField()
    quorum = models.PositiveSmallIntegerField(default=1)
    default = models.CharField(max_length=40, blank=True)
    outcome = models.CharField(max_length=40, blank=True)
    asked_at = models.DateTimeField(db_default=Now())
    remind_at = models.DateTimeField(null=True)
    deadline_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("human task")
        constraints = [
            *TenantModel.Meta.constraints,
            TenantFK("run"),
            models.UniqueConstraint(
                fields=["organization", "step_id"],
                condition=models.Q(closed_at__isnull=True),
                name="agents_humantask_one_open",
            ),
        ]
        indexes = [models.Index(fields=["organization", "run"], name="agents_humantask_run")]

    run_id: UUID

    def __str__(self) -> str:
        return self.title


class HumanAnswer(TenantModel):
    """Somebody who is asked; and, once `answered_at` is set, what they pressed and filled in."""

    task = TenantForeignKey(HumanTask, on_delete=models.CASCADE, related_name="answers")
    member = TenantForeignKey("accounts.Membership", on_delete=models.PROTECT, related_name="+")
    button = models.CharField(max_length=40, blank=True)
    values = models.JSONField(default=dict)
    answered_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("answer")
        constraints = [
            *TenantModel.Meta.constraints,
            TenantFK("task"),
            TenantFK("member"),
            models.UniqueConstraint(fields=["organization", "task", "member"], name="agents_humananswer_once"),
        ]
        indexes = [models.Index(fields=["organization", "member"], name="agents_humananswer_member")]

    member_id: UUID
    task_id: UUID
