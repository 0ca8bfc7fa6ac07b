"""Django's own failures (no such address, a bug) for programs: the same problem+json as ours. People get the pages."""

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views import defaults

from jarvis_site.kernel.errors import Forbidden, Invalid, JarvisError, NotFound
from jarvis_site.kernel.errors.middleware import problem_response, wants_json


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    return problem_response(request, Invalid()) if wants_json(request) else defaults.bad_request(request, exception)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if wants_json(request):
        return problem_response(request, Forbidden())
    return defaults.permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    return problem_response(request, NotFound()) if wants_json(request) else defaults.page_not_found(request, exception)


def bug(request: HttpRequest) -> HttpResponse:
    return problem_response(request, JarvisError()) if wants_json(request) else defaults.server_error(request)
