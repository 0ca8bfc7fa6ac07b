from django.apps import AppConfig


class ObservabilityConfig(AppConfig):
    name = "jarvis_site.observability"
    label = "observability"
