from django.apps import AppConfig


class CalendarConfig(AppConfig):
    name = "agents.servers.calendar"
    label = "calendar"
