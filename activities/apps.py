from django.apps import AppConfig


class ActivitiesConfig(AppConfig):
    name = "activities"
    verbose_name = "Activities"

    def ready(self) -> None:
        from activities import data_rights, handlers  # noqa: F401 - registers what listens, and whose its data are
