"""Browsers in which members were active here."""

from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from accounts import access
from accounts.admin.base import OrganizationAdmin, StateFilter, acting
from accounts.models import MemberSession
from accounts.selectors.sessions import browsers_live, device_name
from accounts.services.sessions import member_session_end


class SessionState(StateFilter):
    """Who signed out by themselves is not known to the organization's rows; the column says it."""

    title = _("state")
    states = {
        "live": (_("Not ended"), Q(ended_at=None)),
        "ended": (_("Ended here"), Q(ended_at__isnull=False)),
    }


class MemberSessionAdmin(OrganizationAdmin):
    title = _("Sessions")
    reading = writing = access.SESSIONS_MANAGE
    actions = ("end_here",)
    list_display = ("person", "device", "address", "state", "first_seen", "last_seen", "ended_at")
    list_filter = (SessionState,)
    list_select_related = ("member__user",)
    search_fields = ("member__user__name", "member__user__email", "address", "user_agent")
    search_help_text = _("Person, address, or what the browser says about itself")
    ordering = ("-last_seen", "-id")
    fields = (*list_display[:3], "user_agent", *list_display[3:])
    readonly_fields = fields

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Look up once who is signed in still, for all rows of the page."""
        page = super().get_changelist_instance(request)
        page.result_list = _with_state(page.result_list)
        return page

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> MemberSession | None:
        found: MemberSession | None = super().get_object(request, object_id, from_field)
        return _with_state([found])[0] if found else None

    @admin.action(description=_("End here"), permissions=["write"])
    def end_here(self, request: HttpRequest, queryset: QuerySet[MemberSession]) -> None:
        act = partial(member_session_end, actor=acting(request))
        done = ngettext_lazy("%(count)d session is ended.", "%(count)d sessions are ended.", "count")
        self.each(request, queryset, lambda row: act(session_id=row.id), done=done)

    @admin.display(description=_("person"), ordering="member__user__name")
    def person(self, row: MemberSession) -> str:
        return str(row.member)

    @admin.display(description=_("device"))
    def device(self, row: MemberSession) -> str:
        return device_name(row.user_agent)

    @admin.display(description=_("state"))
    def state(self, row: Any) -> Any:
        if row.ended_at is not None:
            return _("ended here")
        return _("signed in") if row.is_live else _("signed out")


def _with_state(rows: Any) -> list[Any]:
    found: list[Any] = list(rows)
    live = browsers_live(user_ids={row.member.user_id for row in found})
    for row in found:
        row.is_live = row.browser in live
    return found


PAGES: dict[type, type[OrganizationAdmin]] = {MemberSession: MemberSessionAdmin}
