"""Addresses below `/o/<slug>/runs/`."""

from django.urls import path

from agents import views

app_name = "agents"
urlpatterns = [
    path("", views.run_list, name="list"),
    path("<uuid:run_id>/", views.run_detail, name="detail"),
    path("<uuid:run_id>/card/", views.card, name="card"),
    path("<uuid:run_id>/steps/<slug:key>/", views.step_detail, name="step"),
    path("<uuid:run_id>/cancel/", views.cancel, name="cancel"),
    path("<uuid:run_id>/pause/", views.pause, name="pause"),
    path("<uuid:run_id>/resume/", views.resume, name="resume"),
    path("<uuid:run_id>/steps/<slug:key>/skip/", views.skip, name="skip"),
    path("<uuid:run_id>/steps/<slug:key>/outcome/", views.outcome, name="outcome"),
]
