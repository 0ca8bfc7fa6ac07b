"""Addresses below `/o/<slug>/settings/limits/`."""

from django.urls import path

from agents import views

app_name = "limits"
urlpatterns = [
    path("", views.limits, name="list"),
    path("<str:limit>/", views.limit, name="change"),
]
