"""Pages that only tests have: each reads the shelves in another way that a page can be made."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

from django.db import connection
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template import engines
from django.template.response import TemplateResponse
from django.urls import path

from tests.kernel.shelf import Shelf


def _by_orm() -> list[str]:
    return sorted(shelf.name for shelf in Shelf.objects.all())


def _by_sql() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM kernel_shelf ORDER BY name")
        return [name for (name,) in cursor.fetchall()]


def plain(_request: HttpRequest, **_parts: Any) -> HttpResponse:
    return HttpResponse(f"{_by_orm()} {_by_sql()}")


def later(request: HttpRequest, **_parts: Any) -> TemplateResponse:
    """Rendered after the view has returned."""
    template = engines["django"].from_string("{% for shelf in shelves %}{{ shelf.name }}{% endfor %} {{ sql }}")
    return TemplateResponse(request, template, {"shelves": Shelf.objects.all(), "sql": _by_sql})


async def waiting(_request: HttpRequest, **_parts: Any) -> HttpResponse:
    return HttpResponse(str([shelf.name async for shelf in Shelf.objects.all()]))


def _pieces() -> Iterator[str]:
    yield from _by_sql()


def streamed(_request: HttpRequest, **_parts: Any) -> StreamingHttpResponse:
    return StreamingHttpResponse(_pieces())


async def _slow_pieces() -> AsyncIterator[str]:
    async for shelf in Shelf.objects.all():
        yield shelf.name


async def streamed_slowly(_request: HttpRequest, **_parts: Any) -> StreamingHttpResponse:
    return StreamingHttpResponse(_slow_pieces())


_PAGES = {"plain/": plain, "later/": later, "waiting/": waiting, "streamed/": streamed, "slow/": streamed_slowly}
urlpatterns = [
    *(path(f"o/<slug:slug>/{address}", view) for address, view in _PAGES.items()),
    *(path(address, view) for address, view in _PAGES.items()),
]
handler500 = "jarvis_site.kernel.errors.handlers.bug"
