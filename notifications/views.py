"""The bell's page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.middleware import request_actor
from notifications.selectors import notifications_list, unread_count
from notifications.services import read_all

SHOWN = 100


@require_safe
def index(request: HttpRequest, slug: str) -> HttpResponse:  # noqa: ARG001 - the scope was opened from it
    actor = request_actor(request)
    context = {"items": notifications_list(actor=actor)[:SHOWN], "unread": unread_count(actor=actor)}
    return render(request, "notifications/index.html", context)


@require_POST
def read(request: HttpRequest, slug: str) -> HttpResponse:
    read_all(actor=request_actor(request))
    return redirect("notifications:index", slug=slug)
