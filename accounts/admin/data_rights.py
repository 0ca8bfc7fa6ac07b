"""Exports and retention."""

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.admin.base import OrganizationAdmin, acting
from accounts.models import DataExport, Retention
from accounts.services.retention import retention_set


class DataExportAdmin(OrganizationAdmin):
    title = _("Copies of data")
    reading = access.DATA_EXPORT
    list_display = ("kind", "about", "requested_by", "state", "progress", "created_at", "finished_at", "expires_at")
    list_filter = ("kind", "state")
    list_select_related = ("about__user", "requested_by__user")
    ordering = ("-created_at", "-id")
    fields = (*list_display[:5], "size", *list_display[5:])
    readonly_fields = fields


class RetentionAdmin(OrganizationAdmin):
    title = _("How long data are kept")
    reading = writing = access.DATA_ERASE
    list_display = ("kind", "days", "changed_at")
    ordering = ("kind",)
    fields = list_display
    readonly_fields = ("kind", "changed_at")

    def save_model(self, request: HttpRequest, obj: Retention, form: Any, change: bool) -> None:
        retention_set(actor=acting(request), periods={obj.kind: form.cleaned_data["days"]})


PAGES: dict[type, type[OrganizationAdmin]] = {DataExport: DataExportAdmin, Retention: RetentionAdmin}
