"""Addresses below `/o/<slug>/approvals/`."""

from django.urls import path

from permissions import views

app_name = "permissions"
urlpatterns = [
    path("", views.index, name="list"),
    path("<uuid:consent_id>/", views.detail, name="detail"),
    path("<uuid:consent_id>/decide/", views.decide, name="decide"),
]
