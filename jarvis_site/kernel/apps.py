"""The kernel as a Django app."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class KernelConfig(AppConfig):
    name = "jarvis_site.kernel"
    label = "kernel"
    verbose_name = "Kernel"

    def ready(self) -> None:
        _open_tenancy(self)


def _open_tenancy(config: AppConfig) -> None:
    # Both need loaded models.
    from jarvis_site.kernel.tenancy import checks, database_checks, grants

    checks.register()
    database_checks.register()
    post_migrate.connect(grants.apply, sender=config, dispatch_uid="kernel.tenancy.grants")
