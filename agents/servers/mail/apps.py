from django.apps import AppConfig


class MailConfig(AppConfig):
    name = "agents.servers.mail"
    label = "mail"
