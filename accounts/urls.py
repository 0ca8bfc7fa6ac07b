"""Addresses below `/o/<slug>/settings/`."""

from django.urls import path

from accounts import views

app_name = "accounts"
urlpatterns = [
    path("", views.profile, name="profile"),
    path("members/", views.members, name="members"),
]
