"""Pages of the calendar, below /o/<slug>/calendar/. Ids come last: those from other calendars can hold anything."""

from django.urls import path

from agents.servers.calendar import views

app_name = "calendar"

urlpatterns = [
    path("", views.calendar, name="calendar"),
    path("new/", views.event_new, name="event_new"),
    path("event/<path:event_id>", views.event, name="event"),
    path("change/<path:event_id>", views.event_change, name="event_change"),
    path("cancel/<path:event_id>", views.event_cancel, name="event_cancel"),
    path("download/<path:event_id>", views.event_download, name="event_download"),
    path("reminders/", views.reminders, name="reminders"),
    path("reminders/<uuid:reminder_id>/delete/", views.reminder_delete, name="reminder_delete"),
    path("feed/", views.feed_settings, name="feed_settings"),
    path("feed/<str:secret>.ics", views.feed, name="feed"),
]
