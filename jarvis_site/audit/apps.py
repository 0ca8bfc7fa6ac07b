from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "jarvis_site.audit"
    label = "audit"
