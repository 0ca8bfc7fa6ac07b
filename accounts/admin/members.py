"""Members, teams and roles."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from accounts import access
from accounts.admin.base import OrganizationAdmin, StateFilter, acting
from accounts.admin.fields import ROLE_LABELS, RightsField, role_field
from accounts.contracts import Role
from accounts.models import CustomRole, Membership, Team
from accounts.services.members import member_remove, member_restore, member_role_change, member_suspend
from accounts.services.roles import role_change, role_create, role_delete
from accounts.services.sessions import member_sessions_end
from accounts.services.teams import team_change, team_create, team_delete


class MemberState(StateFilter):
    title = _("state")
    states = {
        "present": (_("Present"), Q(left_at=None, suspended_at=None)),
        "suspended": (_("Suspended"), Q(left_at=None, suspended_at__isnull=False)),
        "former": (_("Former"), Q(left_at__isnull=False)),
    }


class MemberKind(StateFilter):
    title = _("kind")
    parameter_name = "kind"
    states = {
        "people": (_("People"), Q(user__is_service=False)),
        "services": (_("Service accounts"), Q(user__is_service=True)),
    }


class MembershipForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker only
    role = role_field()


class MembershipAdmin(OrganizationAdmin):
    title = _("Members")
    form = MembershipForm
    reading = access.MEMBERS_VIEW
    writing = access.MEMBERS_CHANGE
    actions = ("suspend", "restore", "remove", "sign_out")
    list_display = ("person", "email", "role_name", "custom_role", "state", "joined_at")
    list_filter = (MemberState, "role", MemberKind)
    list_select_related = ("user", "custom_role")
    search_fields = ("user__name", "user__email")
    search_help_text = _("Name or e-mail address")
    ordering = ("user__name", "id")
    fields = ("person", "email", "role", "custom_role", "state", "joined_at", "left_at", "suspended_at", "external_id")
    readonly_fields = ("person", "email", "state", "joined_at", "left_at", "suspended_at", "external_id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        rows: QuerySet[Membership] = super().get_queryset(request).select_related("user", "custom_role")
        return rows

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        chosen = form.cleaned_data["custom_role"]
        member_role_change(
            actor=acting(request),
            member_id=obj.id,
            role=form.cleaned_data["role"],
            custom_role_id=chosen.id if chosen else None,
        )

    @admin.action(description=_("Suspend"), permissions=["write"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        actor = acting(request)
        done = ngettext_lazy("%(count)d person is suspended.", "%(count)d people are suspended.", "count")
        self.each(request, queryset, lambda row: member_suspend(actor=actor, member_id=row.id), done=done)

    @admin.action(description=_("Let in again"), permissions=["write"])
    def restore(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        actor = acting(request)
        done = ngettext_lazy("%(count)d person is let in again.", "%(count)d people are let in again.", "count")
        self.each(request, queryset, lambda row: member_restore(actor=actor, member_id=row.id), done=done)

    @admin.action(description=_("Remove from the organization"), permissions=["write"])
    def remove(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        actor = acting(request)
        done = ngettext_lazy("%(count)d person is removed.", "%(count)d people are removed.", "count")
        self.each(request, queryset, lambda row: member_remove(actor=actor, member_id=row.id), done=done)

    @admin.action(description=_("Sign out everywhere"), permissions=["sessions"])
    def sign_out(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        actor = acting(request)
        done = ngettext_lazy("%(count)d person is signed out.", "%(count)d people are signed out.", "count")
        self.each(request, queryset, lambda row: member_sessions_end(actor=actor, member_id=row.id), done=done)

    def has_sessions_permission(self, request: HttpRequest) -> bool:
        return access.may(acting(request), access.SESSIONS_MANAGE)

    @admin.display(description=_("name"), ordering="user__name")
    def person(self, row: Membership) -> str:
        return str(row.user)

    @admin.display(description=_("e-mail address"), ordering="user__email")
    def email(self, row: Membership) -> str:
        return row.user.email

    @admin.display(description=_("role"), ordering="role")
    def role_name(self, row: Membership) -> Any:
        return ROLE_LABELS[Role(row.role)]

    @admin.display(description=_("state"))
    def state(self, row: Membership) -> Any:
        if row.left_at is not None:
            return _("former")
        return _("suspended") if row.suspended_at is not None else _("present")


class RightsForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker only
    """What a team or a role may, and may not, as names of actions."""

    allow = RightsField(label=_("may"))
    deny = RightsField(label=_("may not"), help_text=_("Beats everything that allows it."))


class TeamAdmin(OrganizationAdmin):
    title = _("Teams")
    form = RightsForm
    adds = removes = True
    reading = writing = access.TEAMS_MANAGE
    list_display = ("name", "parent", "size", "allow", "deny")
    list_select_related = ("parent",)
    search_fields = ("name",)
    ordering = ("name",)
    fields = ("name", "parent", "allow", "deny", "size", "external_id", "created_at")
    readonly_fields = ("size", "external_id", "created_at")

    def get_fields(self, request: HttpRequest, obj: Team | None = None) -> tuple[str, ...]:
        return self.fields if obj else ("name", "parent", "allow", "deny")

    def save_model(self, request: HttpRequest, obj: Team, form: Any, change: bool) -> None:
        chosen = form.cleaned_data["parent"]
        given = {name: form.cleaned_data[name] for name in ("name", "allow", "deny")}
        given |= {"actor": acting(request), "parent_id": chosen.id if chosen else None}
        obj.pk = team_change(team_id=obj.id, **given).id if change else team_create(**given).id

    def delete_model(self, request: HttpRequest, obj: Team) -> None:
        team_delete(actor=acting(request), team_id=obj.id)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Team]:
        rows: QuerySet[Team] = super().get_queryset(request).annotate(size=Count("members"))
        return rows

    @admin.display(description=_("people"), ordering="size")
    def size(self, row: Any) -> int:
        return int(row.size)


class CustomRoleAdmin(OrganizationAdmin):
    title = _("Roles")
    form = RightsForm
    adds = removes = True
    reading = writing = access.ROLES_MANAGE
    list_display = ("name", "description", "allow", "deny")
    search_fields = ("name", "description")
    ordering = ("name",)
    fields = ("name", "description", "allow", "deny")

    def save_model(self, request: HttpRequest, obj: CustomRole, form: Any, change: bool) -> None:
        given = {name: form.cleaned_data[name] for name in self.fields}
        given["actor"] = acting(request)
        obj.pk = role_change(role_id=obj.id, **given).id if change else role_create(**given).id

    def delete_model(self, request: HttpRequest, obj: CustomRole) -> None:
        role_delete(actor=acting(request), role_id=obj.id)


PAGES: dict[type, type[OrganizationAdmin]] = {
    Membership: MembershipAdmin,
    Team: TeamAdmin,
    CustomRole: CustomRoleAdmin,
}
