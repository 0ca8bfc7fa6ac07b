"""The proof that this site set a tenant, and no injected statement did; `app_claim()` in roles.sql checks it."""

from functools import lru_cache
from hashlib import sha256

from django.conf import settings
from django.utils.crypto import salted_hmac


@lru_cache(maxsize=8)  # the key and its fallbacks; tests change the key
def derived_secret(secret_key: str) -> str:
    """Return what the database may know: it does not reveal the SECRET_KEY it was made from."""
    return salted_hmac("jarvis.tenancy.seal", "", secret=secret_key, algorithm="sha256").hexdigest()


def accepted_secrets() -> list[str]:
    return [derived_secret(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]


def seal(*, organization: str, user: str, door: str, backend_pid: int) -> str:
    """Bind the three values to one server process.

    Fields have no separator in them and the process number is the last one, so a plain hash is enough: the database
    recomputes it from the claim, and nothing can be appended to a claim without changing a field.
    """
    message = f"{derived_secret(settings.SECRET_KEY)}|{organization}|{user}|{door}|{backend_pid}"
    return sha256(message.encode()).hexdigest()
