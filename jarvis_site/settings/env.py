"""Typed reading of the environment. A value that is missing or malformed stops the start with one clear line."""

import os
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict


class Environment:
    """The process environment, read by type."""

    def __init__(self, values: Mapping[str, str] = os.environ) -> None:
        self._values = values

    def text(self, name: str, default: str | None = None) -> str:
        value = self._values.get(name, "").strip()
        if value:
            return value
        if default is None:
            raise ImproperlyConfigured(f"Set the environment variable {name}.")
        return default

    def flag(self, name: str, *, default: bool = False) -> bool:
        value = self.text(name, "true" if default else "false").lower()
        if value in {"1", "true", "yes", "on"}:
            return True
        if value in {"0", "false", "no", "off"}:
            return False
        raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}.")

    def number(self, name: str, default: int) -> int:
        value = self.text(name, str(default))
        try:
            return int(value)
        except ValueError:
            raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from None

    def decimal(self, name: str, default: str) -> Decimal:
        value = self.text(name, default)
        try:
            number = Decimal(value)
        except InvalidOperation:
            number = Decimal("nan")
        if not number.is_finite() or number < 0:
            raise ImproperlyConfigured(f"{name} must be a number such as 0.15, not {value!r}.")
        return number

    def words(self, name: str, default: str = "") -> list[str]:
        return [word.strip() for word in self.text(name, default).split(",") if word.strip()]

    def database(self, name: str, default: str | None = None) -> dict[str, Any]:
        """Read a libpq connection string or URL as Django's keys; what Django has no key for goes into OPTIONS."""
        try:
            parts = conninfo_to_dict(self.text(name, default))
        except ProgrammingError:
            raise ImproperlyConfigured(f"{name} must be a PostgreSQL URL, postgresql://USER@HOST/NAME.") from None
        keys = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
        address = {django: str(parts[libpq]) for libpq, django in keys.items() if parts.get(libpq)}
        return {**address, "OPTIONS": {key: value for key, value in parts.items() if key not in keys}}
