"""Routes of the gallery. The site includes them outside production only."""

from django.urls import path

from jarvis_site.styleguide import views

app_name = "styleguide"
urlpatterns = [
    path("", views.gallery, name="gallery"),
    path("<slug:name>/", views.page, name="page"),
]
