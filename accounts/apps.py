from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        from accounts import data_rights, sign_in_handlers  # noqa: F401 - registers handlers and whose its data are
