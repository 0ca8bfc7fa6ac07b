"""Addresses below `/scim/v2/<slug>/`."""

from django.urls import path

from accounts.scim import views

app_name = "scim"
urlpatterns = [
    path("", views.Nothing.as_view(), name="root"),
    path("Me", views.Nothing.as_view(), name="me"),
    path("Bulk", views.Nothing.as_view(), name="bulk"),
    path("Users", views.Users.as_view(), name="users"),
    path("Users/<str:member_id>", views.User.as_view(), name="user"),
    path("Groups", views.Groups.as_view(), name="groups"),
    path("Groups/<str:team_id>", views.Group.as_view(), name="group"),
    path("ServiceProviderConfig", views.Config.as_view(), name="config"),
    path("ResourceTypes", views.ResourceTypes.as_view(), name="types"),
    path("ResourceTypes/<str:name>", views.ResourceTypes.as_view(), name="type"),
    path("Schemas", views.Schemas.as_view(), name="schemas"),
    path("Schemas/<str:name>", views.Schemas.as_view(), name="schema"),
]
