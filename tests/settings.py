"""The product's settings on servers of the test run's own."""

from tests.services import provide

provide()

from jarvis_site.settings import *  # noqa: E402, F403 - settings are a flat module

# The real hashers take a tenth of a second on purpose.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# WhiteNoise warns about a folder that is not there, and warnings are errors.
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # noqa: F405 - from the product's settings
