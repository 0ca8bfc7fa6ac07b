"""Addresses below `/o/<slug>/settings/rules/`."""

from django.urls import path

from permissions.views import explaining, labels, rules

app_name = "rules"
urlpatterns = [
    path("", rules.listing, name="list"),
    path("new/", rules.new, name="new"),
    path("labels/", labels.listing, name="labels"),
    path("labels/<uuid:label_id>/remove/", labels.remove, name="label_remove"),
    path("explain/", explaining.explain, name="explain"),
    path("decisions/<uuid:decisionrecord_id>/", explaining.decision, name="decision"),
    path("<uuid:rule_id>/", rules.detail, name="detail"),
    path("<uuid:rule_id>/change/", rules.change, name="change"),
    path("<uuid:rule_id>/state/", rules.state, name="state"),
    path("<uuid:rule_id>/retire/", rules.retire, name="retire"),
]
