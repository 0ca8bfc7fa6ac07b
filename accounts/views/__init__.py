"""Pages about one's own account and the organization."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import CONTENT_USE, may
from accounts.forms import OrganizationForm, ProfileForm
from accounts.middleware import request_actor
from accounts.models import User
from accounts.selectors import organizations_of
from accounts.selectors.sso import reachable
from accounts.services.organizations import organization_create, preferences_update, theme_set
from accounts.sign_in import records_of
from jarvis_site.kernel.back import back_to

COOKIE_SECONDS = 365 * 24 * 3600


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Go where the person works: the first of their organizations."""
    if not isinstance(request.user, User):
        return redirect("account_login")
    records = records_of(session=request.session, user=request.user)
    organizations = reachable(organizations=organizations_of(user=request.user), records=records)
    if not organizations:
        return redirect("organization_offers")
    return redirect("organization_start", slug=organizations[0].slug)


@require_safe
def start(request: HttpRequest, slug: str) -> HttpResponse:
    """Go to the first page of an organization that the person may see."""
    return redirect("chat:list" if may(request_actor(request), CONTENT_USE) else "accounts:members", slug=slug)


@login_required
@require_http_methods(["GET", "POST"])
def organization_new(request: HttpRequest) -> HttpResponse:
    form = OrganizationForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and isinstance(request.user, User):
        organization = organization_create(name=form.cleaned_data["name"], owner=request.user)
        return redirect("chat:list", slug=organization.slug)
    return render(request, "accounts/organization_form.html", {"form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
def profile(request: HttpRequest, slug: str) -> HttpResponse:
    """The person's own name and time zone."""
    user = request.user
    assert isinstance(user, User)  # noqa: S101 - the tenant middleware lets nobody else in
    form = ProfileForm(request.POST or None, initial={"name": user.name, "timezone": user.timezone})
    if request.method == "POST" and form.is_valid():
        preferences_update(user=user, name=form.cleaned_data["name"], timezone=form.cleaned_data["timezone"])
        messages.success(request, _("Saved."))
        return redirect("accounts:profile", slug=slug)
    status = 422 if form.errors else 200
    return render(request, "accounts/profile.html", {"form": form, "tab": "profile"}, status=status)


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keep the choice of theme and contrast: with the person, or in a cookie while signed out."""
    chosen = request.POST.get("theme", "")
    contrast = request.POST.get("contrast", "") == "more"
    response = redirect(back_to(request, default="/"))
    if isinstance(request.user, User):
        theme_set(user=request.user, theme=chosen, high_contrast=contrast)
    elif chosen in User.Theme.values:
        response.set_cookie("theme", chosen, max_age=COOKIE_SECONDS, samesite="Lax", secure=request.is_secure())
        response.set_cookie(
            "contrast", "more" if contrast else "", max_age=COOKIE_SECONDS, samesite="Lax", secure=request.is_secure()
        )
    return response
