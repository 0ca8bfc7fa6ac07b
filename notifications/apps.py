from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "notifications"
    verbose_name = "Notifications"

    def ready(self) -> None:
        from notifications import data_rights, handlers  # noqa: F401 - registers what listens, and whose its data are
