from django.apps import AppConfig


class MailConfig(AppConfig):
    name = "agents.servers.mail"
    label = "mail"

    def ready(self) -> None:
        from agents.servers.mail import data_rights  # noqa: F401 - says whose its data are
