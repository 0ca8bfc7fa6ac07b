"""How pages answer what a service refuses: beside the form, or as news on the page one came from."""

from collections.abc import Callable

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest

from accounts.errors import AboveYou, MayNotGive
from jarvis_site.kernel.errors import Conflict, Invalid, JarvisError

# What the person can put right. That something is not there, or not theirs to do, is an answer of its own (404, 403).
REPAIRABLE = (Conflict, Invalid, AboveYou, MayNotGive)


def saved(form: Form, act: Callable[[], object]) -> bool:
    """Act; say beside the form why it did not work."""
    try:
        act()
    except JarvisError as error:
        if not isinstance(error, REPAIRABLE):
            raise
        form.add_error(None, str(error.message))
        return False
    return True


def done(request: HttpRequest, act: Callable[[], object], said: str) -> bool:
    """Act; say as news what was done, or why not."""
    try:
        act()
    except JarvisError as error:
        if not isinstance(error, REPAIRABLE):
            raise
        messages.error(request, str(error.message))
        return False
    messages.success(request, said)
    return True
