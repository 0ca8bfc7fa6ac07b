"""Addresses below `/o/<slug>/settings/stops/`."""

from django.urls import path

from agents import views

app_name = "stops"
urlpatterns = [
    path("", views.stops, name="list"),
    path("stop/", views.stop, name="stop"),
    path("<uuid:stop_id>/lift/", views.lift, name="lift"),
]
