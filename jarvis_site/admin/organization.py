"""The site of an organization's admins, put together."""

from django.utils.translation import gettext_lazy as _

from accounts.admin import data_rights, joining, members, sessions, sign_in
from accounts.models import (
    ApiKey,
    CustomRole,
    DataExport,
    EmailDomain,
    IdentityProvider,
    Invitation,
    JoinRequest,
    MemberSession,
    Membership,
    Retention,
    ScimToken,
    Team,
)
from jarvis_site.admin.audit import AuditEventAdmin
from jarvis_site.admin.sites import Group, OrganizationSite
from jarvis_site.audit.models import AuditEvent

site = OrganizationSite(name="admin")
for pages in (members.PAGES, sessions.PAGES, joining.PAGES, sign_in.PAGES, data_rights.PAGES):
    for model, page in pages.items():
        site.register(model, page)
site.register(AuditEvent, AuditEventAdmin)

site.groups = (
    Group(
        _("People"),
        members=(Membership, "group"),
        invitations=(Invitation, "mail"),
        requests=(JoinRequest, "person_add"),
        teams=(Team, "groups"),
        roles=(CustomRole, "badge"),
        sessions=(MemberSession, "devices"),
    ),
    Group(
        _("Sign-in"),
        providers=(IdentityProvider, "login"),
        domains=(EmailDomain, "alternate_email"),
        scim=(ScimToken, "sync"),
        keys=(ApiKey, "key"),
    ),
    Group(_("Data"), exports=(DataExport, "download"), retention=(Retention, "auto_delete")),
    Group(_("Record"), audit=(AuditEvent, "fact_check")),
)
