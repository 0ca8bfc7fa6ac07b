"""The audit log, to be read."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.admin.base import OrganizationAdmin
from accounts.selectors.names import member_names
from jarvis_site.audit.models import AuditEvent
from jarvis_site.audit.selectors import with_words


class AuditEventAdmin(OrganizationAdmin):
    title = _("Audit log")
    reading = access.AUDIT_VIEW
    list_display = ("at", "who", "action", "resource_type", "resource_id", "decision", "reason")
    # Fixed lists only: the values that exist would take a look at the whole log.
    list_filter = (("at", admin.DateFieldListFilter),)
    filters = ("action", "resource_type", "resource_id", "member_id", "run_id")
    search_fields = ("action", "resource_type", "resource_id")
    search_help_text = _("Action, or what it was done to")
    ordering = ("-at", "-id")
    fields = (*list_display, "run_id", "request_id", "details", "words")
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

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Look names and words of a page up at once: they stand beside the log."""
        found = super().get_changelist_instance(request)
        _look_up(list(found.result_list))
        return found


def _beside(row: Any) -> tuple[str, dict[str, Any]]:
    """The name of who acted, and the words."""
    if not hasattr(row, "beside"):
        _look_up([row])
    found: tuple[str, dict[str, Any]] = row.beside
    return found


def _look_up(rows: list[AuditEvent]) -> None:
    people = member_names({row.member_id for row in rows})
    for row, words in with_words(rows):
        row.beside = (people.get(row.member_id, ""), words)  # type: ignore[attr-defined]  # for the columns
