"""The address that people try first."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from accounts import access
from accounts.models import User
from accounts.selectors import actor_for, organizations_of
from jarvis_site.kernel.errors import NotFound


@login_required
@require_safe
def own(request: HttpRequest) -> HttpResponse:
    """Lead to the administration of the first organization whose administration the person may open.

    Raises:
        NotFound: there is none.
    """
    user = request.user
    assert isinstance(user, User)  # noqa: S101 - the decorator lets nobody else in
    for organization in organizations_of(user=user):
        if access.may(actor_for(user=user, slug=organization.slug), access.ADMINISTRATION):
            return redirect(f"/o/{organization.slug}/admin/")
    raise NotFound
