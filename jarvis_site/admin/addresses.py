"""Addresses as the pages of an organization's administration see them, see `sites.addresses_below`."""

from django.urls import path

from jarvis_site.admin.organization import site

urlpatterns = [path("admin/", site.urls)]
