from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FilesConfig(AppConfig):
    name = "agents.servers.files"
    label = "files"
    verbose_name = _("Files")

    def ready(self) -> None:
        from agents.servers.files import data_rights  # noqa: F401 - says whose its data are
