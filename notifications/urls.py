"""Addresses below `/o/<slug>/notifications/`."""

from django.urls import path

from notifications import views

app_name = "notifications"
urlpatterns = [
    path("", views.index, name="index"),
    path("read/", views.read, name="read"),
    path("settings/", views.settings, name="settings"),
]
