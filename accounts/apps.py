from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        from accounts import data_rights, handlers, sign_in_handlers  # noqa: F401 - register what listens, and whose data
