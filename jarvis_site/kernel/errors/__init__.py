"""The one family of anticipated failures. Each carries a code, an HTTP status, a text fit for people, and says
whether trying again can help. Doors render it in one place (`middleware`); everything else is a bug."""

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

type Text = str | Promise


class JarvisError(Exception):
    """Something that we expected could go wrong.

    Args:
        message: what happened and what to do, for the person; the class's own text when empty.
        code: stable name for programs.
        retryable: trying the same again later can help.

    Attributes:
        leads_to: name of the address where a person finds what is missing; pages lead there instead of saying no.
    """

    code: str = "error"
    status: int = 500
    message: Text = _("Something went wrong. Nothing was changed.")
    retryable: bool = False
    leads_to: str = ""

    def __init__(self, message: Text = "", *, code: str | None = None, retryable: bool | None = None) -> None:
        self.message = message or type(self).message
        self.code = code or type(self).code
        self.retryable = type(self).retryable if retryable is None else retryable
        super().__init__(str(self.message))

    @property
    def details(self) -> dict[str, Any]:
        """More for programs: further members of the problem, by name (RFC 9457, 3.2)."""
        return {}


class Invalid(JarvisError):
    code = "invalid"
    status = 400
    message = _("That could not be understood. Nothing was changed.")


class Forbidden(JarvisError):
    code = "forbidden"
    status = 403
    message = _("You may not do this.")


class NotFound(JarvisError):
    """It does not exist, or it is not yours: the two look the same from outside."""

    code = "not_found"
    status = 404
    message = _("There is nothing here, or it is not yours to see.")


class NotAllowed(JarvisError):
    code = "method_not_allowed"
    status = 405
    message = _("This address takes no such request. Nothing was changed.")


class Conflict(JarvisError):
    code = "conflict"
    status = 409
    message = _("It has changed in the meantime. Look at it again.")


class Unavailable(JarvisError):
    code = "unavailable"
    status = 503
    message = _("A part that is needed does not answer. Nothing was lost; try again in a moment.")
    retryable = True
