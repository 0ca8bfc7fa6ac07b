"""Pages of the workspace, below /o/<slug>/files/."""

from django.urls import path

from agents.servers.files import views

app_name = "files"

urlpatterns = [
    path("", views.browse, name="root"),
    path("in/<path:path>", views.browse, name="browse"),
    path("view/<path:path>", views.view, name="view"),
    path("download/<path:path>", views.download, name="download"),
    path("delete/<path:path>", views.delete, name="delete"),
    path("upload/", views.upload, name="upload"),
    path("folder/", views.folder_new, name="folder_new"),
    path("trash/", views.trash, name="trash"),
    path("restore/<path:path>", views.restore, name="restore"),
]
