from django.apps import AppConfig


class CalendarConfig(AppConfig):
    name = "agents.servers.calendar"
    label = "calendar"

    def ready(self) -> None:
        from agents.servers.calendar import data_rights, handlers  # noqa: F401 - registers what listens, and whose its data are
