"""Addresses below `/o/<slug>/settings/` that are about standing permissions and stand-ins."""

from django.urls import path

from permissions.views import absences, grants

app_name = "standing"
urlpatterns = [
    path("grants/", grants.own, name="grants"),
    path("grants/everybody/", grants.everybody, name="everybody"),
    path("grants/everybody/revoke-all/", grants.revoke_all_of, name="revoke_all_of"),
    path("grants/everybody/<uuid:grant_id>/revoke/", grants.revoke_others, name="revoke_others"),
    path("grants/revoke-all/", grants.revoke_all, name="revoke_all"),
    path("grants/<uuid:grant_id>/revoke/", grants.revoke, name="revoke"),
    path("grants/<uuid:grant_id>/wake/", grants.wake, name="wake"),
    path("absences/", absences.absences, name="absences"),
    path("absences/<uuid:absence_id>/end/", absences.end, name="absence_end"),
]
