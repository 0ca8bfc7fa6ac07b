"""The diary's page."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.middleware import request_actor
from activities.selectors import activities_list

PAGE = 50


@require_safe
def index(request: HttpRequest, slug: str) -> HttpResponse:  # noqa: ARG001 - the scope was opened from it
    pages = Paginator(activities_list(actor=request_actor(request)), PAGE)
    return render(request, "activities/index.html", {"page": pages.get_page(request.GET.get("page"))})
