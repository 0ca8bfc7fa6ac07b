"""Rendering of `JarvisError`: a page for people, problem+json (RFC 9457) for programs."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from jarvis_site.kernel.back import came_from
from jarvis_site.kernel.errors import JarvisError, NotAllowed

PROBLEM_TYPE = "application/problem+json"


class ProblemMiddleware:
    """Turns a `JarvisError` that a view raised into a response."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED and wants_json(request):
            allowed = response.headers.get("Allow", "")
            response = problem_response(request, NotAllowed())
            response.headers["Allow"] = allowed
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, JarvisError):
            return problem_response(request, exception)
        return None


def problem_response(request: HttpRequest, error: JarvisError) -> HttpResponse:
    """Answer with the error in the form that the caller reads."""
    if wants_json(request):
        return JsonResponse(problem(error), status=error.status, content_type=PROBLEM_TYPE)
    if error.leads_to:
        return _lead(request, reverse(error.leads_to))
    return render(request, "errors/problem.html", {"error": error}, status=error.status)


def _lead(request: HttpRequest, target: str) -> HttpResponse:
    """Go where the missing thing is to be had, and from there back to the page the person was on."""
    address = f"{target}?{urlencode({'next': came_from(request)})}"
    if not request.headers.get("HX-Request"):
        return redirect(address)
    return HttpResponse(status=HTTPStatus.NO_CONTENT, headers={"HX-Redirect": address})


def problem(error: JarvisError) -> dict[str, Any]:
    return {
        **error.details,
        "type": "about:blank",
        "title": str(error.message),
        "status": error.status,
        "code": error.code,
        "retryable": error.retryable,
    }


def wants_json(request: HttpRequest) -> bool:
    return request.path.startswith("/api/") or request.get_preferred_type(["text/html", "application/json"]) == (
        "application/json"
    )
