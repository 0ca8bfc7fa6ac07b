"""Ways in: invitations, requests to join, e-mail domains."""

from functools import partial
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from accounts import access
from accounts.admin.base import OrganizationAdmin, StateFilter, acting
from accounts.admin.fields import role_field
from accounts.models import EmailDomain, Invitation, JoinRequest
from accounts.services.domains import domain_check_ask, domain_remove, join_request_answer
from accounts.services.invitations import Outcome, invitation_resend, invitation_revoke, invitations_send
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.errors import Conflict

_REFUSED = {
    Outcome.WAITING: _("An invitation to this address is open already. Send it again, or withdraw it."),
    Outcome.MEMBER: _("This person is a member already."),
    Outcome.INVALID: _("This is no e-mail address."),
}


class InvitationState(StateFilter):
    title = _("state")
    states = {
        "open": (_("Open"), Q(accepted_at=None, revoked_at=None, expires_at__gt=db_now())),
        "accepted": (_("Accepted"), Q(accepted_at__isnull=False)),
        "revoked": (_("Withdrawn"), Q(revoked_at__isnull=False)),
        "expired": (_("Expired"), Q(accepted_at=None, revoked_at=None, expires_at__lte=db_now())),
    }


class InvitationForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker only
    role = role_field()


class InvitationAdmin(OrganizationAdmin):
    title = _("Invitations")
    form = InvitationForm
    adds = True
    reading = writing = access.MEMBERS_INVITE
    actions = ("send_again", "withdraw")
    list_display = ("email", "role", "custom_role", "invited_by", "sent_at", "expires_at", "accepted_at", "revoked_at")
    list_filter = (InvitationState, "role")
    list_select_related = ("custom_role", "invited_by__user")
    search_fields = ("email",)
    ordering = ("-created_at", "-id")
    fields = (*list_display[:4], "created_at", *list_display[4:])
    readonly_fields = fields

    def get_fields(self, request: HttpRequest, obj: Invitation | None = None) -> tuple[str, ...]:
        return self.fields if obj else ("email", "role", "custom_role")

    def get_readonly_fields(self, request: HttpRequest, obj: Invitation | None = None) -> tuple[str, ...]:
        return self.readonly_fields if obj else ()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        if "custom_role" in form.base_fields:
            form.base_fields["custom_role"].required = False
        return form

    def save_model(self, request: HttpRequest, obj: Invitation, form: Any, change: bool) -> None:
        given, chosen = form.cleaned_data, form.cleaned_data["custom_role"]
        (line,) = invitations_send(
            actor=acting(request),
            lines=[given["email"]],
            role=given["role"],
            custom_role_id=chosen.id if chosen else None,
        )
        if line.outcome is not Outcome.SENT:
            raise Conflict(_REFUSED.get(line.outcome, ""))
        obj.pk = Invitation.objects.get(email=line.email, accepted_at=None, revoked_at=None).id

    @admin.action(description=_("Send again"), permissions=["write"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> None:
        act = partial(invitation_resend, actor=acting(request))
        done = ngettext_lazy("%(count)d invitation is sent again.", "%(count)d invitations are sent again.", "count")
        self.each(request, queryset, lambda row: act(invitation_id=row.id), done=done)

    @admin.action(description=_("Withdraw"), permissions=["write"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> None:
        act = partial(invitation_revoke, actor=acting(request))
        done = ngettext_lazy("%(count)d invitation is withdrawn.", "%(count)d invitations are withdrawn.", "count")
        self.each(request, queryset, lambda row: act(invitation_id=row.id), done=done)


class JoinRequestState(StateFilter):
    title = _("state")
    states = {
        "open": (_("Waiting"), Q(decided_at=None)),
        "accepted": (_("Let in"), Q(accepted=True)),
        "declined": (_("Declined"), Q(accepted=False)),
    }


class JoinRequestAdmin(OrganizationAdmin):
    title = _("Requests to join")
    reading = writing = access.MEMBERS_INVITE
    actions = ("let_in", "decline")
    list_display = ("email", "name", "created_at", "accepted", "decided_by", "decided_at")
    list_filter = (JoinRequestState,)
    list_select_related = ("decided_by__user",)
    search_fields = ("email", "name")
    ordering = ("-created_at", "-id")
    fields = list_display
    readonly_fields = fields

    @admin.action(description=_("Let in"), permissions=["write"])
    def let_in(self, request: HttpRequest, queryset: QuerySet[JoinRequest]) -> None:
        act = partial(join_request_answer, actor=acting(request), accept=True)
        done = ngettext_lazy("%(count)d person is let in.", "%(count)d people are let in.", "count")
        self.each(request, queryset, lambda row: act(request_id=row.id), done=done)

    @admin.action(description=_("Decline"), permissions=["write"])
    def decline(self, request: HttpRequest, queryset: QuerySet[JoinRequest]) -> None:
        act = partial(join_request_answer, actor=acting(request), accept=False)
        done = ngettext_lazy("%(count)d request is declined.", "%(count)d requests are declined.", "count")
        self.each(request, queryset, lambda row: act(request_id=row.id), done=done)


class EmailDomainAdmin(OrganizationAdmin):
    title = _("E-mail domains")
    reading = writing = access.SETTINGS_MANAGE
    actions = ("check_again", "give_up")
    list_display = ("domain", "join", "created_at", "verified_at")
    ordering = ("domain",)
    fields = list_display
    readonly_fields = fields

    @admin.action(description=_("Look for the DNS record again"), permissions=["write"])
    def check_again(self, request: HttpRequest, queryset: QuerySet[EmailDomain]) -> None:
        act = partial(domain_check_ask, actor=acting(request))
        done = ngettext_lazy("%(count)d domain is looked up.", "%(count)d domains are looked up.", "count")
        self.each(request, queryset, lambda row: act(domain_id=row.id), done=done)

    @admin.action(description=_("Give up"), permissions=["write"])
    def give_up(self, request: HttpRequest, queryset: QuerySet[EmailDomain]) -> None:
        act = partial(domain_remove, actor=acting(request))
        done = ngettext_lazy("%(count)d domain is given up.", "%(count)d domains are given up.", "count")
        self.each(request, queryset, lambda row: act(domain_id=row.id), done=done)


PAGES: dict[type, type[OrganizationAdmin]] = {
    Invitation: InvitationAdmin,
    JoinRequest: JoinRequestAdmin,
    EmailDomain: EmailDomainAdmin,
}
