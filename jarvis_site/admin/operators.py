"""The site of operators: organizations, people, jobs and the record of all of them, and nothing that people wrote."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, Model, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy
from unfold.forms import ActionForm
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.admin.base import RecordAdmin, StateFilter
from accounts.admin.members import MemberState
from accounts.models import Membership, Organization, User
from accounts.services.operators import organization_open, organization_shut, user_activate, user_deactivate
from jarvis_site.admin.dead_letters import job_delete, job_retry
from jarvis_site.admin.sites import Group, OperatorSite
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel.models import Job


class ReasonForm(ActionForm):
    """What to do with the selected rows, and why."""

    reason = forms.CharField(
        label="",
        required=False,
        max_length=500,
        widget=UnfoldAdminTextInputWidget(
            attrs={"placeholder": _("Reason, for the organization's administrators"), "aria-label": _("Reason")}
        ),
    )


class OperatorAdmin(RecordAdmin):
    """Whoever is on the site may see everything there is on it; changes are actions with a reason."""

    action_form = ReasonForm

    def has_module_permission(self, request: HttpRequest) -> bool:
        return True

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _given(request: HttpRequest) -> dict[str, Any]:
    """Who acts, and why."""
    return {"operator": request.user, "reason": request.POST.get("reason", "")}


class OrganizationState(StateFilter):
    title = _("state")
    states = {
        "open": (_("Open"), Q(suspended_at=None)),
        "suspended": (_("Suspended"), Q(suspended_at__isnull=False)),
    }


class OrganizationAdmin(OperatorAdmin):
    title = _("Organizations")
    actions = ("suspend", "restore")
    list_display = ("name", "slug", "people", "created_at", "suspended_at")
    list_filter = (OrganizationState,)
    search_fields = ("name", "slug")
    ordering = ("name",)
    fields = ("name", "slug", "created_at", "suspended_at", "mfa_required", "idle_minutes", "session_hours")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Organization]:
        present = Membership.objects.filter(organization=OuterRef("pk"), left_at=None).order_by()
        counted = present.values("organization").annotate(count=Count("pk")).values("count")
        rows: QuerySet[Organization] = super().get_queryset(request).annotate(people=Coalesce(Subquery(counted), 0))
        return rows

    @admin.display(description=_("people"), ordering="people")
    def people(self, row: Any) -> int:
        return int(row.people)

    @admin.action(description=_("Suspend"))
    def suspend(self, request: HttpRequest, queryset: QuerySet[Organization]) -> None:
        done = ngettext_lazy("%(count)d organization is suspended.", "%(count)d organizations are suspended.", "count")
        self.each(
            request, queryset, lambda row: organization_shut(organization_id=row.id, **_given(request)), done=done
        )

    @admin.action(description=_("Restore"))
    def restore(self, request: HttpRequest, queryset: QuerySet[Organization]) -> None:
        done = ngettext_lazy("%(count)d organization is restored.", "%(count)d organizations are restored.", "count")
        self.each(
            request, queryset, lambda row: organization_open(organization_id=row.id, **_given(request)), done=done
        )


class UserAdmin(OperatorAdmin):
    title = _("People")
    actions = ("deactivate", "activate")
    list_display = ("email", "name", "is_active", "is_service", "is_superuser", "date_joined", "last_login")
    list_filter = ("is_active", "is_service", "is_superuser")
    search_fields = ("email", "name")
    ordering = ("email",)
    fields = (*list_display, "timezone")
    readonly_fields = fields

    @admin.action(description=_("Keep out of every organization"))
    def deactivate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        done = ngettext_lazy("%(count)d person is kept out.", "%(count)d people are kept out.", "count")
        self.each(request, queryset, lambda row: user_deactivate(user_id=row.id, **_given(request)), done=done)

    @admin.action(description=_("Let in again"))
    def activate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        done = ngettext_lazy("%(count)d person is let in again.", "%(count)d people are let in again.", "count")
        self.each(request, queryset, lambda row: user_activate(user_id=row.id, **_given(request)), done=done)


class MembershipAdmin(OperatorAdmin):
    title = _("Memberships")
    actions = None
    list_display = ("user", "organization", "role", "joined_at", "suspended_at", "left_at")
    list_filter = (MemberState, "role")
    list_select_related = ("user", "organization")
    search_fields = ("user__email", "user__name", "organization__name", "organization__slug")
    ordering = ("organization__name", "user__name", "id")
    fields = list_display
    readonly_fields = fields


class JobState(StateFilter):
    title = _("state")
    states = {"dead": (_("Dead"), Q(dead_at__isnull=False)), "waiting": (_("Waiting"), Q(dead_at=None))}


class JobAdmin(OperatorAdmin):
    """Without the arguments, which may say what somebody asked for."""

    title = _("Jobs")
    actions = ("retry", "give_up")
    list_display = ("name", "organization", "attempt", "created_at", "not_before", "dead_at", "last_error")
    list_filter = (JobState,)
    list_select_related = ("organization",)
    search_fields = ("name", "organization__slug")
    ordering = ("-created_at", "-id")
    fields = (*list_display, "leased_until")
    readonly_fields = fields

    @admin.action(description=_("Try dead ones again"))
    def retry(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        done = ngettext_lazy("%(count)d job is tried again.", "%(count)d jobs are tried again.", "count")
        self.each(request, queryset, lambda row: job_retry(job=row, **_given(request)), done=done)

    @admin.action(description=_("Give dead ones up"))
    def give_up(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        done = ngettext_lazy("%(count)d job is given up.", "%(count)d jobs are given up.", "count")
        self.each(request, queryset, lambda row: job_delete(job=row, **_given(request)), done=done)


class AuditEventAdmin(OperatorAdmin):
    """The facts; the words beside them are the organization's own."""

    title = _("Audit log")
    actions = None
    list_display = ("at", "organization", "action", "resource_type", "resource_id", "decision")
    list_filter = (("at", admin.DateFieldListFilter),)
    filters = ("organization", "action", "resource_type", "resource_id", "run_id")
    list_select_related = ("organization",)
    search_fields = ("action", "resource_id", "organization__slug")
    ordering = ("-at", "-id")
    fields = (*list_display, "member_id", "run_id", "request_id", "details")
    readonly_fields = fields


site = OperatorSite(name="ops")
PAGES: dict[type[Model], type[OperatorAdmin]] = {
    Organization: OrganizationAdmin,
    User: UserAdmin,
    Membership: MembershipAdmin,
    Job: JobAdmin,
    AuditEvent: AuditEventAdmin,
}
for model, page in PAGES.items():
    site.register(model, page)
site.groups = (
    Group(
        _("Customers"), organizations=(Organization, "domain"), people=(User, "person"), members=(Membership, "group")
    ),
    Group(_("Running"), jobs=(Job, "work_history")),
    Group(_("Record"), audit=(AuditEvent, "fact_check")),
)
