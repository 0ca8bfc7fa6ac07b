"""Addresses below `/o/<slug>/settings/`."""

from django.urls import path

from accounts import views
from accounts.views import data, security, sso_settings

app_name = "accounts"
urlpatterns = [
    path("", views.profile, name="profile"),
    path("members/", views.members, name="members"),
    path("data/", data.data, name="data"),
    path("data/export/", data.export, name="data_export"),
    path("data/copies/<uuid:export_id>/", data.download, name="data_download"),
    path("data/people/", data.people, name="data_people"),
    path("data/erase/<uuid:member_id>/", data.erase, name="data_erase"),
    path("data/erase/<uuid:member_id>/again/", data.erase_again, name="data_erase_again"),
    path("data/periods/", data.retention, name="data_retention"),
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
