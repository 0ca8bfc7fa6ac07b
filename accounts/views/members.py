"""Who belongs to the organization, and what each of them may."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access
from accounts.forms.organizations import ReasonForm
from accounts.forms.rights import RoleForm, role_of, role_value
from accounts.middleware import request_actor
from accounts.selectors import actor_of
from accounts.selectors.explanations import access_explained
from accounts.selectors.members import member_find, members_page, teams_of
from accounts.selectors.sessions import member_places
from accounts.services.members import member_remove, member_restore, member_role_change, member_suspend
from accounts.step_up import fresh_proof_require
from accounts.views.outcomes import done, saved


@require_safe
def listing(request: HttpRequest, slug: str) -> HttpResponse:  # noqa: ARG001 - the scope was opened from it
    access.require(request_actor(request), access.MEMBERS_VIEW)
    search = request.GET.get("q", "").strip()
    page, rows = members_page(search=search, page=request.GET.get("page"))
    context = {"page": page, "rows": rows, "search": search, "tab": "members"}
    return render(request, "accounts/members.html", {**context, **_may(request)})


@require_safe
def detail(request: HttpRequest, slug: str, member_id: UUID) -> HttpResponse:  # noqa: ARG001
    return _detail(request, member_id, form=None)


@require_POST
def role(request: HttpRequest, slug: str, member_id: UUID) -> HttpResponse:
    actor = request_actor(request)
    access.require(actor, access.MEMBERS_CHANGE)
    member_find(member_id=member_id)  # a stranger's id is nothing here, before anything else is said
    fresh_proof_require(request)
    form = RoleForm(request.POST, actor=actor)
    if form.is_valid():
        built_in, own = role_of(form.cleaned_data["role"])

        def change() -> None:
            member_role_change(actor=actor, member_id=member_id, role=built_in, custom_role_id=own)

        if saved(form, change):
            messages.success(request, _("The role was changed."))
            return redirect("accounts:member", slug=slug, member_id=member_id)
    return _detail(request, member_id, form=form)


@require_http_methods(["GET", "POST"])
def suspend(request: HttpRequest, slug: str, member_id: UUID) -> HttpResponse:
    """Ask, then keep somebody out."""
    return _end(request, slug, member_id, remove=False)


@require_http_methods(["GET", "POST"])
def remove(request: HttpRequest, slug: str, member_id: UUID) -> HttpResponse:
    """Ask, then end somebody's membership."""
    return _end(request, slug, member_id, remove=True)


@require_POST
def restore(request: HttpRequest, slug: str, member_id: UUID) -> HttpResponse:
    actor = request_actor(request)
    done(request, lambda: member_restore(actor=actor, member_id=member_id), _("They can come in again."))
    return redirect("accounts:member", slug=slug, member_id=member_id)


@require_safe
def why(request: HttpRequest, slug: str, member_id: UUID) -> HttpResponse:  # noqa: ARG001
    """Every action, allowed or not, and the rule that decides it. One's own; of others for who has to know."""
    actor = request_actor(request)
    if member_id != actor.member_id and not access.may(actor, access.AUDIT_VIEW):
        access.require(actor, access.MEMBERS_CHANGE)
    member = member_find(member_id=member_id)
    context = {"member": member, "lines": access_explained(actor=actor_of(member)), "tab": "members"}
    return render(request, "accounts/why.html", context)


def _end(request: HttpRequest, slug: str, member_id: UUID, *, remove: bool) -> HttpResponse:
    actor = request_actor(request)
    access.require(actor, access.MEMBERS_CHANGE)
    member = member_find(member_id=member_id)
    if remove:
        fresh_proof_require(request)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        act = member_remove if remove else member_suspend
        said = (
            _("They belong to the organization no more.") if remove else _("They are kept out until you restore them.")
        )

        def end() -> None:
            act(actor=actor, member_id=member_id, reason=form.cleaned_data["reason"])

        if done(request, end, said) and remove:
            return redirect("accounts:members", slug=slug)
        return redirect("accounts:member", slug=slug, member_id=member_id)
    context = {"member": member, "form": form, "remove": remove, "tab": "members"}
    return render(request, "accounts/member_end.html", context, status=422 if form.errors else 200)


def _detail(request: HttpRequest, member_id: UUID, *, form: RoleForm | None) -> HttpResponse:
    actor = request_actor(request)
    access.require(actor, access.MEMBERS_VIEW)
    member = member_find(member_id=member_id)
    own = member_id == actor.member_id
    may_end = not own and access.may(actor, access.SESSIONS_MANAGE)
    context = {
        "member": member,
        "may_end_sessions": may_end,
        "places": member_places(member=member) if may_end else [],
        "teams": teams_of(member_id=member_id),
        "form": form or RoleForm(actor=actor, initial={"role": role_value(member)}),
        "own": own,
        "may_explain": own or access.may(actor, access.AUDIT_VIEW),
        "tab": "members",
    }
    status = 422 if form else 200
    return render(request, "accounts/member.html", {**context, **_may(request)}, status=status)


def _may(request: HttpRequest) -> dict[str, bool]:
    actor = request_actor(request)
    return {
        "may_invite": access.may(actor, access.MEMBERS_INVITE),
        "may_change": access.may(actor, access.MEMBERS_CHANGE),
    }
