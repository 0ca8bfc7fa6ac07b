"""Single sign-on, SCIM tokens and API keys. Their secrets are in no list, form or filter."""

from functools import partial

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from accounts import access
from accounts.admin.base import OrganizationAdmin, StateFilter, acting
from accounts.models import ApiKey, IdentityProvider, ScimToken
from accounts.services.keys import key_revoke
from accounts.services.scim_tokens import token_revoke
from accounts.services.sso import provider_enable
from jarvis_site.kernel.clock import db_now


class SecretState(StateFilter):
    title = _("state")
    states = {
        "live": (_("In use"), Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=db_now()))),
        "revoked": (_("Revoked"), Q(revoked_at__isnull=False)),
        "expired": (_("Expired"), Q(revoked_at=None, expires_at__lte=db_now())),
    }


class ApiKeyAdmin(OrganizationAdmin):
    title = _("API keys")
    reading = writing = access.KEYS_MANAGE
    actions = ("revoke",)
    list_display = ("name", "prefix", "member", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at")
    list_filter = (SecretState,)
    list_select_related = ("member__user", "created_by__user")
    search_fields = ("name", "prefix", "member__user__name")
    ordering = ("-created_at", "-id")
    fields = ("name", "prefix", "member", "created_by", "scopes", *list_display[4:])
    readonly_fields = fields

    @admin.action(description=_("Revoke"), permissions=["write"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        actor = acting(request)
        done = ngettext_lazy("%(count)d key is revoked.", "%(count)d keys are revoked.", "count")
        self.each(request, queryset, lambda row: key_revoke(actor=actor, key_id=row.id), done=done)


class ScimTokenAdmin(OrganizationAdmin):
    title = _("SCIM tokens")
    reading = writing = access.SIGN_IN_MANAGE
    actions = ("revoke",)
    list_display = ("name", "prefix", "created_by", "created_at", "expires_at", "last_used_at", "revoked_at")
    list_filter = (SecretState,)
    list_select_related = ("created_by__user",)
    search_fields = ("name", "prefix")
    ordering = ("-created_at", "-id")
    fields = list_display
    readonly_fields = fields

    @admin.action(description=_("Revoke"), permissions=["write"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ScimToken]) -> None:
        actor = acting(request)
        done = ngettext_lazy("%(count)d token is revoked.", "%(count)d tokens are revoked.", "count")
        self.each(request, queryset, lambda row: token_revoke(actor=actor, token_id=row.id), done=done)


class IdentityProviderAdmin(OrganizationAdmin):
    title = _("Single sign-on")
    reading = writing = access.SIGN_IN_MANAGE
    actions = ("switch_off",)
    list_display = ("name", "protocol", "enabled", "enforced", "tested_at", "creates_members", "default_role")
    list_filter = ("protocol", "enabled", "enforced")
    ordering = ("name",)
    fields = (*list_display, "role_claim", "role_map", "config", "created_at")
    readonly_fields = fields

    @admin.action(description=_("Switch off"), permissions=["write"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[IdentityProvider]) -> None:
        actor = acting(request)
        done = ngettext_lazy("%(count)d provider is off.", "%(count)d providers are off.", "count")
        act = partial(provider_enable, actor=actor, enabled=False)
        self.each(request, queryset, lambda row: act(provider_id=row.id), done=done)


PAGES: dict[type, type[OrganizationAdmin]] = {
    ApiKey: ApiKeyAdmin,
    ScimToken: ScimTokenAdmin,
    IdentityProvider: IdentityProviderAdmin,
}
