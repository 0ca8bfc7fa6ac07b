"""The audit log, to be read."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.admin.base import OrganizationAdmin, acting
from accounts.selectors.names import member_names
from agents.selectors import runs_list, step_keys
from jarvis_site.audit.models import AuditEvent
from jarvis_site.audit.selectors import with_words


class AuditEventAdmin(OrganizationAdmin):
    title = _("Audit log")
    reading = access.AUDIT_VIEW
    list_display = ("at", "who", "action", "resource_type", "resource_id", "decision", "reason", "run")
    # Fixed lists only: the values that exist would take a look at the whole log.
    list_filter = (("at", admin.DateFieldListFilter),)
    filters = ("action", "resource_type", "resource_id", "member_id", "run_id")
    search_fields = ("action", "resource_type", "resource_id")
    search_help_text = _("Action, or what it was done to")
    ordering = ("-at", "-id")
    fields = (*list_display, "request_id", "details", "words")
    readonly_fields = fields

    @admin.display(description=_("who"))
    def who(self, row: Any) -> str:
        return str(_beside(row)[0])

    @admin.display(description=_("reason"))
    def reason(self, row: Any) -> str:
        return str(_beside(row)[1].get("reason", ""))

    @admin.display(description=_("words"))
    def words(self, row: Any) -> str:
        return "\n".join(f"{name}: {value}" for name, value in _beside(row)[1].items())

    @admin.display(description=_("run"))
    def run(self, row: Any) -> str:
        """Leads to everything that was recorded of the run, and its own person to the run, or to the step, itself."""
        if row.run_id is None:
            return ""
        trail, page = getattr(row, "leads_to", ("", ""))
        link = format_html('<a href="{}?run_id__exact={}">{}</a>', trail, row.run_id, row.run_id)
        return format_html('{} · <a href="{}">{}</a>', link, page, _("open")) if page else link

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Look names and words of a page up at once: they stand beside the log."""
        found = super().get_changelist_instance(request)
        rows = list(found.result_list)
        _look_up(rows)
        _join(request, rows, trail="")
        return found

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        found = super().get_object(request, object_id, from_field)
        _join(request, [found] if found else [], trail="../../")
        return found


def _beside(row: Any) -> tuple[str, dict[str, Any]]:
    """The name of who acted, and the words."""
    if not hasattr(row, "beside"):
        _look_up([row])
    found: tuple[str, dict[str, Any]] = row.beside
    return found


def _join(request: HttpRequest, rows: list[AuditEvent], *, trail: str) -> None:
    """Say where each row leads: to the log of its run, and for the person whose run it is to its page."""
    own = runs_list(actor=acting(request)).filter(id__in={row.run_id for row in rows if row.run_id})
    mine = set(own.values_list("id", flat=True))
    wanted = [row.resource_id for row in rows if row.resource_type == "agents.step" and row.run_id in mine]
    keys = {str(step_id): key for step_id, key in step_keys(step_ids=wanted)} if wanted else {}
    slug = request.organization.slug  # type: ignore[attr-defined]  # set by the middleware
    for row in rows:
        page = ""
        if row.run_id in mine:
            key = keys.get(row.resource_id)
            page = (
                reverse("agents:step", settings.ROOT_URLCONF, [slug, row.run_id, key])
                if key
                else reverse("agents:detail", settings.ROOT_URLCONF, [slug, row.run_id])
            )
        row.leads_to = (trail, page)  # type: ignore[attr-defined]  # for the column


def _look_up(rows: list[AuditEvent]) -> None:
    people = member_names({row.member_id for row in rows})
    for row, words in with_words(rows):
        row.beside = (people.get(row.member_id, ""), words)  # type: ignore[attr-defined]  # for the columns
