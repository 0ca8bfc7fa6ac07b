"""Addresses below `/sso/`. Those that providers write down, `-/...`, name ids: an organization's address may change."""

from django.urls import path

from accounts.views import sso

app_name = "sso"
_IDS = "-/<uuid:organization_id>/<uuid:provider_id>"
urlpatterns = [
    path("", sso.find, name="find"),
    path("-/own/", sso.own, name="own"),
    path(f"{_IDS}/oidc/", sso.oidc, name="oidc"),
    path(f"{_IDS}/acs/", sso.acs, name="acs"),
    path(f"{_IDS}/finish/", sso.finish, name="finish"),
    path(f"{_IDS}/metadata/", sso.metadata, name="metadata"),
    path("<slug:slug>/", sso.organization, name="organization"),
    path("<slug:slug>/<uuid:provider_id>/", sso.start, name="start"),
]
