"""Exports and retention."""

from accounts import access
from accounts.admin.base import OrganizationAdmin
from accounts.models import DataExport, Retention


class DataExportAdmin(OrganizationAdmin):
    reading = access.DATA_EXPORT
    list_display = ("kind", "about", "requested_by", "state", "progress", "created_at", "finished_at", "expires_at")
    list_filter = ("kind", "state")
    list_select_related = ("about__user", "requested_by__user")
    ordering = ("-created_at", "-id")
    fields = (*list_display[:5], "size", *list_display[5:])
    readonly_fields = fields


class RetentionAdmin(OrganizationAdmin):
    reading = access.DATA_ERASE
    list_display = ("kind", "days", "changed_at")
    ordering = ("kind",)
    fields = list_display
    readonly_fields = fields


PAGES: dict[type, type[OrganizationAdmin]] = {DataExport: DataExportAdmin, Retention: RetentionAdmin}
