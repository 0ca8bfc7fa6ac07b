"""Rendering of `JarvisError`: a page for people, problem+json (RFC 9457) for programs."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from jarvis_site.kernel.errors import JarvisError

PROBLEM_TYPE = "application/problem+json"


class ProblemMiddleware:
    """Turns a `JarvisError` that a view raised into a response."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, JarvisError):
            return problem_response(request, exception)
        return None


def problem_response(request: HttpRequest, error: JarvisError) -> HttpResponse:
    """Answer with the error in the form that the caller reads."""
    if wants_json(request):
        return JsonResponse(problem(error), status=error.status, content_type=PROBLEM_TYPE)
    return render(request, "errors/problem.html", {"error": error}, status=error.status)


def problem(error: JarvisError) -> dict[str, str | int | bool]:
    return {
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
