"""The shared cache holds JSON: with Django's default, pickle, whoever can write to Valkey could run code here."""

import json
from typing import Any


class JsonSerializer:
    """For `django.core.cache.backends.redis`. Whole numbers stay plain, so that the server can count them."""

    def dumps(self, value: Any) -> str:
        return json.dumps(value)

    def loads(self, data: bytes) -> Any:
        return json.loads(data)
