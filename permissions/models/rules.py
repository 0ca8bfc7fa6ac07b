"""An organization's own rules, and its names for kinds of data."""

from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from jarvis_site.kernel.tenancy.constraints import TenantFK
from jarvis_site.kernel.tenancy.models import TenantForeignKey, TenantModel
from permissions.contracts import RuleSpec, RuleState, Verdict
from permissions.reviews import review_from


class PolicyHead(TenantModel):
    """What an organization's permissions are at, one row for each organization that has changed anything.

    Attributes:
        version: of the rules that decide; rises when one of them changes, and older answers are worth nothing then.
        changes: rises with every change of rules, labels, standing permissions and stops: what was read before is old.
    """

    version = models.PositiveIntegerField(default=0)
    changes = models.PositiveBigIntegerField(default=0)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["organization"], name="permissions_policyhead_one"),
        ]


class PolicyRule(TenantModel):
    """See `RuleSpec` for what the fields mean. A rule that is deleted is retired: decisions still name it.

    Attributes:
        review: who answers, as `permissions.reviews.review_as_json`.
        shadow_since, enforced_since: when it got the state that it has.
    """

    name = models.CharField(_("name"), max_length=100)
    effect = models.CharField(max_length=5, choices=[(item.value, item.value) for item in Verdict])
    roles = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    teams = ArrayField(models.UUIDField(), default=list, blank=True)
    tools = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    labels = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    devices = ArrayField(models.UUIDField(), default=list, blank=True)
    weekdays = ArrayField(models.PositiveSmallIntegerField(), default=list, blank=True)
    from_minute = models.PositiveSmallIntegerField(null=True)
    until_minute = models.PositiveSmallIntegerField(null=True)
    condition = models.TextField(blank=True)
    review = models.JSONField(default=dict)
    state = models.CharField(
        max_length=8, choices=[(item.value, item.value) for item in RuleState], default=RuleState.DRAFT
    )
    created_by = TenantForeignKey("accounts.Membership", on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())
    shadow_since = models.DateTimeField(null=True)
    enforced_since = models.DateTimeField(null=True)
    retired_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [*TenantModel.Meta.constraints, TenantFK("created_by")]

    created_by_id: UUID

    def __str__(self) -> str:
        return self.name

    @property
    def spec(self) -> RuleSpec:
        return RuleSpec(
            id=str(self.id),
            name=self.name,
            effect=Verdict(self.effect),
            roles=tuple(self.roles),
            teams=tuple(map(str, self.teams)),
            tools=tuple(self.tools),
            labels=tuple(self.labels),
            devices=tuple(map(str, self.devices)),
            weekdays=tuple(self.weekdays),
            from_minute=self.from_minute,
            until_minute=self.until_minute,
            condition=self.condition,
            review=review_from(self.review),
        )


class DataLabel(TenantModel):
    """What an organization calls a kind of data: a call that touches it carries the label.

    Attributes:
        tool: full name, in which `*` stands for any characters.
        argument: the one that is looked at; empty: every such call carries the label.
        pattern: what the argument, or one of its items, has to be; `*` stands for any characters.
    """

    label = models.CharField(_("label"), max_length=40)
    tool = models.CharField(_("tool"), max_length=100)
    argument = models.CharField(_("argument"), max_length=60, blank=True)
    pattern = models.CharField(_("pattern"), max_length=200, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.label
