"""What the frame of every page shows: whose page, which organizations, what waits. A context processor, and the counts
for a page that is open already."""

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.access import CONTENT_USE, may
from accounts.contracts import Actor
from accounts.middleware import request_actor
from accounts.models import Organization, User, initials
from accounts.selectors import organizations_of
from accounts.selectors.sso import reachable
from accounts.sign_in import records_of
from agents.human_tasks import tasks_waiting
from notifications.selectors import unread_count
from permissions.selectors import consents_waiting

# First part of the path inside an organization -> the item of the navigation that is current.
_NAV = {
    "chat": "chat",
    "runs": "runs",
    "approvals": "approvals",
    "calendar": "calendar",
    "mail": "mail",
    "files": "files",
    "activity": "activity",
    "notifications": "notifications",
    "settings": "settings",
}


def context(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return {"shell": {"theme": request.COOKIES.get("theme", ""), "contrast": request.COOKIES.get("contrast", "")}}
    shell: dict[str, Any] = {
        "theme": user.theme,
        "contrast": "more" if user.high_contrast else "",
        "person": {
            "name": user.name,
            "first_name": user.get_short_name(),
            "email": user.email,
            "initials": initials(user.name or user.email),
        },
    }
    if request.headers.get("HX-Request") or getattr(request, "has_own_frame", False):
        return {"shell": shell}  # fragments have no frame, the administration has another
    # An organization's provider, and so its admin, learns nothing of a person's other organizations.
    mine = reachable(organizations=organizations_of(user=user), records=records_of(session=request.session, user=user))
    shell["memberships"] = [_organization(item) for item in mine]
    actor = getattr(request, "actor", None)
    if actor is not None:
        shell["organization"] = _organization(request.organization)  # type: ignore[attr-defined]
        shell["content"] = may(actor, CONTENT_USE)
        shell["member_id"] = str(actor.member_id)
        shell["counts"] = {"approvals": _waiting(actor), "unread": unread_count(actor=actor)}
        parts = request.path_info.split("/")
        shell["nav"] = _NAV.get(parts[3] if len(parts) > 3 else "", "")  # noqa: PLR2004 - /o/<slug>/<part>/
    return {"shell": shell}


@never_cache
@require_safe
def counts(request: HttpRequest, slug: str) -> JsonResponse:  # noqa: ARG001 - the scope was opened from it
    """The badges of the rail, by the key of their place."""
    actor = request_actor(request)
    return JsonResponse({"approvals": _waiting(actor), "notifications": unread_count(actor=actor)})


def _waiting(actor: Actor) -> int:
    """What waits for the person's word, approvals and questions of runs, in one query: every page asks for it."""
    approvals = consents_waiting(actor=actor).order_by().values("id")
    return approvals.union(tasks_waiting(actor=actor).order_by().values("id"), all=True).count()


def _organization(organization: Organization) -> dict[str, str]:
    return {
        "name": organization.name,
        "slug": organization.slug,
        "initials": organization.initials,
        "url": f"/o/{organization.slug}/",
    }
