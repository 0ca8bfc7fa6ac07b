"""Addresses below `/scim/v2/<slug>/`."""

from django.urls import path, re_path

from accounts.scim import views

app_name = "scim"
urlpatterns = [
    path("", views.Nothing.as_view(), name="root"),
    path("Users", views.Users.as_view(), name="users"),
    path("Users/<str:resource_id>", views.User.as_view(), name="user"),
    path("Groups", views.Groups.as_view(), name="groups"),
    path("Groups/<str:resource_id>", views.Group.as_view(), name="group"),
    re_path(r"^(?P<kind>ServiceProviderConfig)$", views.Discovery.as_view(), name="config"),
    re_path(r"^(?P<kind>ResourceTypes|Schemas)$", views.Discovery.as_view(), name="discovery"),
    re_path(r"^(?P<kind>ResourceTypes|Schemas)/(?P<name>[\w:.-]+)$", views.Discovery.as_view(), name="discovered"),
    path("<path:rest>", views.Nothing.as_view(), name="nothing"),
]
