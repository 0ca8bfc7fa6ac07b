"""The organization's own settings, and leaving it."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts import access
from accounts.forms.organizations import OrganizationSettingsForm
from accounts.middleware import request_actor
from accounts.services.members import member_leave
from accounts.services.organizations import organization_change
from accounts.views.outcomes import done, saved


@require_http_methods(["GET", "POST"])
def settings(request: HttpRequest, slug: str) -> HttpResponse:  # noqa: ARG001 - the scope was opened from it
    """Name and address."""
    actor = request_actor(request)
    access.require(actor, access.SETTINGS_MANAGE)
    organization = request.organization  # type: ignore[attr-defined]  # set by the tenant middleware
    form = OrganizationSettingsForm(
        request.POST or None, initial={"name": organization.name, "slug": organization.slug}
    )
    if request.method == "POST" and form.is_valid():
        name, address = form.cleaned_data["name"], form.cleaned_data["slug"]
        if saved(form, lambda: organization_change(actor=actor, name=name, slug=address)):
            messages.success(request, _("Saved."))
            return redirect("accounts:organization", slug=address)
    status = 422 if form.errors else 200
    return render(request, "accounts/organization.html", {"form": form, "tab": "organization"}, status=status)


@require_http_methods(["GET", "POST"])
def leave(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask, then go."""
    if request.method == "GET":
        return render(request, "accounts/leave.html", {"tab": "members"})
    actor = request_actor(request)
    name = request.organization.name  # type: ignore[attr-defined]  # set by the tenant middleware
    if done(request, lambda: member_leave(actor=actor), _("You have left %(name)s.") % {"name": name}):
        return redirect("home")
    return redirect("accounts:members", slug=slug)
