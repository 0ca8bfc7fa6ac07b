"""The bell's page, and how somebody wants to be told."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.middleware import request_actor
from notifications.forms import PreferencesForm
from notifications.selectors import notifications_list, preferences_of, unread_count
from notifications.services import preferences_set, read_all

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


@require_http_methods(["GET", "POST"])
def settings(request: HttpRequest, slug: str) -> HttpResponse:
    actor = request_actor(request)
    form = PreferencesForm(request.POST if request.method == "POST" else None, present=preferences_of(actor=actor))
    if request.method == "POST" and form.is_valid():
        preferences_set(actor=actor, ways=form.ways())
        messages.success(request, _("Saved."))
        return redirect("notifications:settings", slug=slug)
    context = {"form": form, "tab": "notifications"}
    return render(request, "notifications/settings.html", context, status=422 if form.errors else 200)
