"""The JSON API, composed of the apps' routers. Below `/api/v1/o/<slug>/` the tenant scope is open, as for pages."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.security import HttpBearer, SessionAuth

from agents.api import router as runs
from chat.api import router as conversations
from jarvis_site.kernel.errors import Invalid, JarvisError
from jarvis_site.kernel.errors.middleware import problem_response
from permissions.api import router as approvals


class KeyAuth(HttpBearer):
    """An API key. The tenant middleware has looked at it already and refused a wrong one."""

    def authenticate(self, request: HttpRequest, token: str) -> Any:  # noqa: ARG002 - ninja's signature
        return getattr(request, "api_key", None)


# A key goes first: with one no cookie was looked at, so there is nothing that a forged form could use.
_auth = [KeyAuth(), SessionAuth()]
api = NinjaAPI(title="Jarvis", version="1", auth=_auth, urls_namespace="api", docs_url=None)
api.add_router("/o/{slug}/conversations", conversations, tags=["conversations"])
api.add_router("/o/{slug}/runs", runs, tags=["runs"])
api.add_router("/o/{slug}/approvals", approvals, tags=["approvals"])


@api.exception_handler(JarvisError)
def anticipated(request: HttpRequest, error: JarvisError) -> HttpResponse:
    return problem_response(request, error)


@api.exception_handler(ValidationError)
def malformed(request: HttpRequest, error: ValidationError) -> HttpResponse:
    fields = ", ".join(sorted({".".join(str(part) for part in item["loc"][1:]) for item in error.errors}))
    return problem_response(request, Invalid(f"These values are missing or wrong: {fields}.", code="malformed"))


@api.exception_handler(HttpError)
def unreadable(request: HttpRequest, error: HttpError) -> HttpResponse:
    return problem_response(request, Invalid(error.message, code="malformed"))
