"""The diary's page."""

from datetime import datetime, timedelta

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from accounts.middleware import request_actor
from activities.selectors import activities_list

PAGE = 50
# Key in the address -> label, and how many days before today are shown too.
PERIODS: dict[str, tuple[Promise, int]] = {
    "today": (_("Today"), 0),
    "week": (_("7 days"), 6),
    "month": (_("30 days"), 29),
}
USUAL = "week"


@require_safe
def index(request: HttpRequest, slug: str) -> HttpResponse:  # noqa: ARG001 - the scope was opened from it
    asked = request.GET.get("period", USUAL)
    period = asked if asked in PERIODS else USUAL
    done = activities_list(actor=request_actor(request)).filter(at__gte=_beginning(PERIODS[period][1]))
    pages = Paginator(done, PAGE)
    context = {
        "page": pages.get_page(request.GET.get("page")),
        "period": period,
        "periods": [{"key": key, "label": label} for key, (label, _days) in PERIODS.items()],
    }
    return render(request, "activities/index.html", context)


def _beginning(days: int) -> datetime:
    """Midnight of the reader's day, so many days ago."""
    today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=days)
