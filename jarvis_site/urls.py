"""All addresses. What belongs to an organization stands below `/o/<slug>/`, where the tenant scope is open."""

from allauth.account import views as allauth_views
from django.conf import settings
from django.db import transaction
from django.urls import URLPattern, URLResolver, include, path, re_path

from accounts import views as account_views
from accounts.views import domains, invitations, security
from jarvis_site import shell
from jarvis_site.admin import operators, organization
from jarvis_site.admin import views as admin_views
from jarvis_site.api import api
from jarvis_site.observability import views as observability_views

inside: list[URLPattern | URLResolver] = [
    path("chat/", include("chat.urls")),
    path("runs/", include("agents.urls")),
    path("approvals/", include("permissions.urls")),
    path("calendar/", include("agents.servers.calendar.urls")),
    path("mail/", include("agents.servers.mail.urls")),
    path("files/", include("agents.servers.files.urls")),
    path("activity/", include("activities.urls")),
    path("notifications/", include("notifications.urls")),
    path("settings/limits/", include("agents.limit_urls")),
    path("settings/rules/", include("permissions.rule_urls")),
    path("settings/stops/", include("agents.stop_urls")),
    path("settings/", include("permissions.settings_urls")),
    path("settings/", include("accounts.urls")),
    path("counts/", shell.counts, name="counts"),
    path("", account_views.start, name="organization_start"),
    path("admin/", organization.site.urls),
]
# Pages of allauth, each in a transaction: a change and the mail that tells of it are stored together or not at all.
told_by_mail: list[URLPattern | URLResolver] = [
    path("password/change/", transaction.atomic(allauth_views.password_change), name="account_change_password"),
    path("password/set/", transaction.atomic(allauth_views.password_set), name="account_set_password"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        transaction.atomic(allauth_views.password_reset_from_key),
        name="account_reset_password_from_key",
    ),
    path("email/", transaction.atomic(allauth_views.email), name="account_email"),
    # Refused when an organization needs what would go.
    path("2fa/totp/deactivate/", transaction.atomic(security.app_remove), name="mfa_deactivate_totp"),
    path("2fa/webauthn/keys/<int:pk>/remove/", transaction.atomic(security.passkey_remove), name="mfa_remove_webauthn"),
]
urlpatterns: list[URLPattern | URLResolver] = [
    path("", account_views.home, name="home"),
    path("o/<slug:slug>/", include(inside)),
    path("organizations/join/", domains.offers, name="organization_offers"),
    path("invitations/<slug:slug>/<str:secret>/", invitations.invited, name="invitation"),
    path("organizations/new/", account_views.organization_new, name="organization_create"),
    path("theme/", account_views.theme, name="theme_set"),
    path("account/prove/", security.prove, name="account_prove"),
    path("account/second-factor/", security.second_factor, name="account_second_factor"),
    path("account/other-way/", security.other_way, name="account_other_way"),
    path("account/security/", security.own_security, name="account_security"),
    path("account/sessions/", security.sessions, name="usersessions_list"),
    path("account/sessions/end/", security.sessions_stop, name="sessions_end"),
    path("account/sessions/<int:pk>/end/", security.session_stop, name="session_end"),
    path("account/", include(told_by_mail)),
    path("account/", include("allauth.urls")),
    path("sso/", include("accounts.sso_urls")),
    path("api/v1/", api.urls),
    path("scim/v2/<slug:slug>/", include("accounts.scim.urls")),
    path("admin/", admin_views.own, name="own_admin"),
    path("healthz", observability_views.healthz),
    path("readyz", observability_views.readyz),
    path("metrics", observability_views.metrics),
]
if settings.OPERATOR_PAGES:
    urlpatterns += [path("ops/", operators.site.urls)]
if not settings.PRODUCTION:
    urlpatterns += [path("styleguide/", include("jarvis_site.styleguide.urls"))]

handler400 = "jarvis_site.kernel.errors.handlers.bad_request"
handler403 = "jarvis_site.kernel.errors.handlers.forbidden"
handler404 = "jarvis_site.kernel.errors.handlers.not_found"
handler500 = "jarvis_site.kernel.errors.handlers.bug"
