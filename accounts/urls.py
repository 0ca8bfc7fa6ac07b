"""Addresses below `/o/<slug>/settings/`."""

from django.urls import path

from accounts import views
from accounts.views import security, sso_settings

app_name = "accounts"
urlpatterns = [
    path("", views.profile, name="profile"),
    path("members/", views.members, name="members"),
    path("members/<uuid:member_id>/sessions/end/", security.member_sessions, name="member_sessions_end"),
    path("security/", security.security, name="security"),
    path("sign-in/", security.sign_in_rules, name="sign_in_rules"),
    path("sign-on/", sso_settings.providers, name="sso"),
    path("sign-on/new/", sso_settings.provider_new, name="sso_new"),
    path("sign-on/break-glass/", sso_settings.break_glass, name="sso_break_glass"),
    path("sign-on/tested/<uuid:attempt_id>/", sso_settings.tested, name="sso_tested"),
    path("sign-on/<uuid:provider_id>/", sso_settings.provider, name="sso_provider"),
    path("sign-on/<uuid:provider_id>/test/", sso_settings.provider_test, name="sso_test"),
    path("sign-on/<uuid:provider_id>/switch/", sso_settings.provider_switch, name="sso_switch"),
]
