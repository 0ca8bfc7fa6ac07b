from django.apps import AppConfig


class PermissionsConfig(AppConfig):
    name = "permissions"
    verbose_name = "Permissions"

    def ready(self) -> None:
        from permissions import consumers, data_rights, handlers  # noqa: F401 - registers what others find
