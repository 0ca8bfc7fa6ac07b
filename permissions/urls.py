"""Addresses below `/o/<slug>/approvals/`."""

from django.urls import path

from permissions.views import inbox

app_name = "permissions"
urlpatterns = [
    path("", inbox.index, name="list"),
    path("together/", inbox.approve_same, name="approve_same"),
    path("<uuid:consent_id>/", inbox.detail, name="detail"),
    path("<uuid:consent_id>/decide/", inbox.decide, name="decide"),
]
