from django.apps import AppConfig


class DemoConfig(AppConfig):
    name = "jarvis_site.demo"
    label = "demo"
