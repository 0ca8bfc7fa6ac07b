"""The product's settings on servers of the test run's own."""

from tests.services import provide

provide()

from jarvis_site.settings import *  # noqa: E402, F403 - settings are a flat module

# The real hashers take a tenth of a second on purpose.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
