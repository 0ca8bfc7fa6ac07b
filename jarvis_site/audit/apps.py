from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "jarvis_site.audit"
    label = "audit"

    def ready(self) -> None:
        from jarvis_site.audit import data_rights  # noqa: F401 - says whose its data are
