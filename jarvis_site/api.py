"""The JSON API, composed of the apps' routers. Below `/api/v1/o/<slug>/` the tenant scope is open, as for pages."""

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI, Schema
from ninja.errors import HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.security import HttpBearer, SessionAuth

from agents.api import router as runs
from agents.api import tasks
from chat.api import router as conversations
from jarvis_site.kernel.errors import Forbidden, Invalid, JarvisError
from jarvis_site.kernel.errors.middleware import PROBLEM_TYPE, problem_response
from jarvis_site.kernel.idempotency import HEADER, AnsweredBefore
from permissions.api import grants
from permissions.api import router as approvals


class KeyAuth(HttpBearer):
    """An API key. The tenant middleware has looked at it already and refused a wrong one."""

    def authenticate(self, request: HttpRequest, token: str) -> Any:  # noqa: ARG002 - ninja's signature
        return getattr(request, "api_key", None)


class Problem(Schema):
    """Every failure (RFC 9457). `code` is stable; with `retryable` the same request may succeed later. Some have more:
    `faults` of a plan that was refused, each with `code`, `message` and `step`."""

    type: str
    title: str
    status: int
    code: str
    retryable: bool


class JarvisAPI(NinjaAPI):
    """With what holds for every operation in its description."""

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        schema = super().get_openapi_schema(**options)
        schema["components"]["schemas"]["Problem"] = Problem.model_json_schema()
        for path in schema["paths"].values():
            for method, operation in path.items():
                told = {str(status): response for status, response in operation["responses"].items()}
                operation["responses"] = {**told, "default": _PROBLEM}
                if method != "get":
                    operation["parameters"].append(_KEY)
        return schema


_PROBLEM = {
    "description": "What went wrong",
    "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_KEY = {
    "in": "header",
    "name": HEADER,
    "required": False,
    "schema": {"type": "string", "maxLength": 200},
    "description": "Chosen by the caller for one request: repeated with the same key within a day it is not carried "
    "out again, and gives the same answer. 409 while the first is under way, 422 with another request.",
}

# A key goes first: with one no cookie was looked at, so there is nothing that a forged form could use.
_auth = [KeyAuth(), SessionAuth()]
api = JarvisAPI(title="Jarvis", version="1", auth=_auth, urls_namespace="api", docs_url=None)
api.add_router("/o/{slug}/conversations", conversations, tags=["conversations"])
api.add_router("/o/{slug}/runs", runs, tags=["runs"])
api.add_router("/o/{slug}/tasks", tasks, tags=["tasks"])
api.add_router("/o/{slug}/approvals", approvals, tags=["approvals"])
api.add_router("/o/{slug}/grants", grants, tags=["standing permissions"])


@api.exception_handler(JarvisError)
def anticipated(request: HttpRequest, error: JarvisError) -> HttpResponse:
    return problem_response(request, error)


@api.exception_handler(ValidationError)
def malformed(request: HttpRequest, error: ValidationError) -> HttpResponse:
    fields = ", ".join(sorted({".".join(str(part) for part in item["loc"][1:]) for item in error.errors}))
    return problem_response(request, Invalid(f"These values are missing or wrong: {fields}.", code="malformed"))


@api.exception_handler(HttpError)
def unreadable(request: HttpRequest, error: HttpError) -> HttpResponse:
    if error.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return problem_response(request, Forbidden())
    return problem_response(request, Invalid(error.message, code="malformed"))


@api.exception_handler(AnsweredBefore)
def answered(request: HttpRequest, before: AnsweredBefore) -> HttpResponse:  # noqa: ARG001 - ninja's signature
    return before.response()
