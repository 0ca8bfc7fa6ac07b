"""What the installed apps need; imported by every process, so it imports next to nothing."""

from django.apps import AppConfig, apps


class UnfoldConfig(AppConfig):
    """Unfold's templates and static files. Its own configurations import all its forms and widgets."""

    name = "unfold"

    def import_models(self) -> None:
        """Unfold has only field classes there, which nobody here uses and every process would load."""
        self.models = apps.all_models[self.label]
