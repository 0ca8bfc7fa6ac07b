"""The product's settings on servers of the test run's own."""

import os

from tests.services import provide

provide()
# Tests of their own hold final acts; the others, and the processes that they start, would only wait.
os.environ["JARVIS_HOLD_FINAL_SECONDS"] = "0"

from jarvis_site.settings import *  # noqa: E402, F403 - settings are a flat module

# The real hashers take a tenth of a second on purpose.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# WhiteNoise warns about a folder that is not there, and warnings are errors.
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # noqa: F405 - from the product's settings
