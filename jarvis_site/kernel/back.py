"""Where a form sends its person afterwards."""

from urllib.parse import urlsplit, urlunsplit

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme


def back_to(request: HttpRequest, *, default: str) -> str:
    """The form's field `next` when it is an address of this site, else `default`."""
    return _own(request, request.POST.get("next", "")) or default


def next_of(request: HttpRequest) -> str:
    """The address's `next` when it is an address of this site, else the start."""
    return _own(request, request.GET.get("next", "")) or "/"


def came_from(request: HttpRequest) -> str:
    """The page the person is on: what they asked for, or where the form stands that they sent, or a part was loaded."""
    if request.method in {"GET", "HEAD"} and not request.headers.get("HX-Request"):
        return request.get_full_path()
    page = request.headers.get("HX-Current-URL") or request.headers.get("Referer", "")
    return _own(request, page) or "/"


def _own(request: HttpRequest, target: str) -> str:
    """The address without its host when it is one of this site, else an empty text."""
    if not url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        return ""
    return urlunsplit(("", "", *urlsplit(target)[2:]))
