from django.apps import AppConfig


class AgentsConfig(AppConfig):
    name = "agents"
    verbose_name = "Agents"

    def ready(self) -> None:
        from agents import consumers, handlers  # noqa: F401 - registers what listens and what pages follow
