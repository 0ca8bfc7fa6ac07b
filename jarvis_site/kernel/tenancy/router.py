"""Which role answers: the application's, or the platform's inside `all_tenants()`. Tables are made by the owner."""

from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Model

from jarvis_site.kernel.tenancy.scope import current_scope

OWNER_ALIAS = "owner"
PLATFORM_ALIAS = "platform"


class TenantRouter:
    """Django's database router."""

    def db_for_read(self, model: type[Model], **hints: Any) -> str:  # noqa: ARG002 - Django's signature
        return PLATFORM_ALIAS if current_scope().everywhere else DEFAULT_DB_ALIAS

    db_for_write = db_for_read

    def allow_relation(self, *objects: Model, **hints: Any) -> bool:  # noqa: ARG002 - aliases are roles, not databases
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:  # noqa: ARG002
        return db == OWNER_ALIAS
