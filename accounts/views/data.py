"""Pages about taking data out, erasing a person, and how long data are kept."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from accounts import access
from accounts.forms.data import ErasureForm, RetentionForm
from accounts.middleware import request_actor
from accounts.models import DataExport, Membership
from accounts.selectors.data import (
    erasure_get,
    erasures_list,
    export_get,
    exports_list,
    held_about,
    outlook,
    people_list,
    periods_list,
    person_get,
)
from accounts.services.erasure import erasure_request
from accounts.services.exports import export_open, export_request
from accounts.services.members import other_owner_require
from accounts.services.retention import retention_set
from accounts.step_up import fresh_proof_require
from jarvis_site.kernel.data_rights import kinds
from jarvis_site.kernel.errors import JarvisError, NotFound

ORGANIZATION = "organization"


@require_safe
def data(request: HttpRequest, slug: str) -> HttpResponse:
    """The overview. Rows of what is under way ask for themselves again; without scripts one loads the page again."""
    actor = request_actor(request)
    exports = exports_list(actor=actor)
    if request.headers.get("HX-Request") and (row := _row(request, slug, exports)):
        return row
    context: dict[str, Any] = {
        "own": [export for export in exports if export.about_id == actor.member_id],
        "whole": [export for export in exports if export.about_id is None],
        "of_others": [export for export in exports if export.about_id not in {None, actor.member_id}],
        "may_export": access.may(actor, access.DATA_EXPORT),
        "may_erase": access.may(actor, access.DATA_ERASE),
    }
    if context["may_erase"]:
        context |= {"form": RetentionForm.of(periods_list()), "erasures": erasures_list(), "stay": _staying()}
    return _page(request, "data", context)


@require_POST
def export(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask for a copy: `about` is a member's id, or "organization"."""
    about = request.POST.get("about", "")
    export_request(actor=request_actor(request), about_id=None if about == ORGANIZATION else _uuid(about))
    messages.success(request, _("The copy is being made. You can leave this page; it will be here."))
    return redirect("accounts:data", slug=slug)


@require_GET
def download(request: HttpRequest, slug: str, export_id: UUID) -> FileResponse:
    """The file itself, to whoever asked for it and has just shown that it is they."""
    export_get(actor=request_actor(request), export_id=export_id)
    fresh_proof_require(request)
    found, file = export_open(actor=request_actor(request), export_id=export_id)
    name = f"jarvis-{slug}-{found.kind}-{found.created_at:%Y-%m-%d}.zip"
    response = FileResponse(file, as_attachment=True, filename=name, content_type="application/zip")
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "private, no-store"
    return response


@require_safe
def people(request: HttpRequest, slug: str) -> HttpResponse:  # noqa: ARG001 - the scope was opened from it
    """Members, present and former, to export or erase one."""
    actor = request_actor(request)
    if not access.may(actor, access.DATA_EXPORT):
        access.require(actor, access.DATA_ERASE)
    rights = {"may_export": access.may(actor, access.DATA_EXPORT), "may_erase": access.may(actor, access.DATA_ERASE)}
    return _page(request, "data_people", {"people": people_list(), **rights})


@require_http_methods(["GET", "POST"])
def erase(request: HttpRequest, slug: str, member_id: UUID) -> HttpResponse:
    """Say what goes, what stays and why; erase when that was confirmed."""
    actor = request_actor(request)
    own = member_id == actor.member_id
    if not own:
        access.require(actor, access.DATA_ERASE)
    person = person_get(member_id=member_id)
    fresh_proof_require(request)
    form = ErasureForm(request.POST or None, address=person.user.email)
    if request.method == "POST" and form.is_valid():
        erasure_request(actor=actor, member_id=member_id)
        return _erased(request, slug, own=own)
    held = held_about(member_id=member_id)
    context = {"person": person, "own": own, "held": held, "form": form, "hindrance": _hindrance(person)}
    return _page(request, "data_erase", context, status=422 if form.errors else 200)


@require_POST
def erase_again(request: HttpRequest, slug: str, member_id: UUID) -> HttpResponse:
    """Have an erasure that failed go on."""
    access.require(request_actor(request), access.DATA_ERASE)
    erasure_get(member_id=member_id)
    fresh_proof_require(request)
    erasure_request(actor=request_actor(request), member_id=member_id)
    return redirect("accounts:data", slug=slug)


@require_http_methods(["GET", "POST"])
def retention(request: HttpRequest, slug: str) -> HttpResponse:
    """Show what other periods would delete (GET), and set them (POST)."""
    actor = request_actor(request)
    access.require(actor, access.DATA_ERASE)
    form = RetentionForm(request.POST if request.method == "POST" else request.GET)
    if not form.fields:
        return redirect("accounts:data", slug=slug)
    if not form.is_valid():
        return _page(request, "data_retention", {"form": form}, status=422)
    if request.method == "POST":
        retention_set(actor=actor, periods=form.periods)
        messages.success(request, _("Saved. What is older is deleted within the next hour, a little at a time."))
        return redirect("accounts:data", slug=slug)
    found = outlook(periods=form.periods)
    total = sum(item.count for item in found)
    words = ngettext("Save and delete %(n)d", "Save and delete %(n)d", total) % {"n": total} if total else _("Save")
    return _page(request, "data_retention", {"form": form, "outlook": found, "words": words, "total": total})


def _row(request: HttpRequest, slug: str, exports: list[DataExport]) -> HttpResponse | None:
    """One row of the overview, by `?copy=` or `?erasure=`; empty when it has gone, None when none is asked for."""
    actor, wanted = request_actor(request), request.GET
    if "copy" in wanted:
        found = [export for export in exports if str(export.id) == wanted["copy"]]
        return _fragment(request, "data_copy", {"slug": slug, "export": found[0]} if found else None)
    if "erasure" in wanted and access.may(actor, access.DATA_ERASE):
        rows = [erasure for erasure in erasures_list() if str(erasure.id) == wanted["erasure"]]
        return _fragment(request, "data_erasure", {"slug": slug, "erasure": rows[0]} if rows else None)
    return None


def _fragment(request: HttpRequest, name: str, context: dict[str, Any] | None) -> HttpResponse:
    return render(request, f"accounts/{name}.html", context) if context else HttpResponse()


def _erased(request: HttpRequest, slug: str, *, own: bool) -> HttpResponse:
    if own:
        messages.success(request, _("You have left. What there was of you there is being deleted."))
        return redirect("home")
    messages.success(request, _("The person is out, and what there is about them is being deleted."))
    return redirect("accounts:data", slug=slug)


def _hindrance(person: Membership) -> str:
    """Why the person cannot be erased; empty when they can."""
    if person.left_at is not None:
        return ""
    try:
        other_owner_require(person)
    except JarvisError as error:
        return str(error)
    return ""


def _staying() -> list[tuple[str, str]]:
    """Kinds without a period, and why."""
    return [(str(kind.label), str(kind.stays)) for kind in kinds() if kind.clean is None and kind.stays]


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None


def _page(request: HttpRequest, name: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    return render(request, f"accounts/{name}.html", {**context, "tab": "data"}, status=status)
