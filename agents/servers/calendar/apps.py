from django.apps import AppConfig


class CalendarConfig(AppConfig):
    name = "agents.servers.calendar"
    label = "calendar"

    def ready(self) -> None:
        from agents.servers.calendar import handlers  # noqa: F401 - registers what listens
