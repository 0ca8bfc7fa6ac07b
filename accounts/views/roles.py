"""Roles of the organization's own making."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts import access
from accounts.contracts import Effect
from accounts.forms.rights import CustomRoleForm
from accounts.middleware import request_actor
from accounts.selectors.members import role_find, roles_list
from accounts.services.roles import role_change, role_create, role_delete
from accounts.step_up import fresh_proof_require
from accounts.views.outcomes import done, saved


@require_http_methods(["GET", "POST"])
def listing(request: HttpRequest, slug: str) -> HttpResponse:
    """The roles; making one."""
    actor = request_actor(request)
    access.require(actor, access.MEMBERS_VIEW)
    form = CustomRoleForm(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        access.require(actor, access.ROLES_MANAGE)
        fresh_proof_require(request)
        if form.is_valid() and saved(form, lambda: role_create(actor=actor, **_fields(form))):
            messages.success(request, _("The role was made. Give it to people on their pages."))
            return redirect("accounts:roles", slug=slug)
    context = {"roles": roles_list(), "form": form, "may_manage": access.may(actor, access.ROLES_MANAGE)}
    status = 422 if form.errors else 200
    return render(request, "accounts/roles.html", {**context, "tab": "roles"}, status=status)


@require_http_methods(["GET", "POST"])
def detail(request: HttpRequest, slug: str, role_id: UUID) -> HttpResponse:
    """A role; changing it."""
    actor = request_actor(request)
    access.require(actor, access.MEMBERS_VIEW)
    role = role_find(role_id=role_id)
    initial = {"name": role.name, "description": role.description}
    form = CustomRoleForm(
        request.POST if request.method == "POST" else None, initial=initial, allow=role.allow, deny=role.deny
    )
    if request.method == "POST":
        access.require(actor, access.ROLES_MANAGE)
        fresh_proof_require(request)
        if form.is_valid() and saved(form, lambda: role_change(actor=actor, role_id=role_id, **_fields(form))):
            messages.success(request, _("Saved."))
            return redirect("accounts:roles", slug=slug)
    context = {"role": role, "form": form, "may_manage": access.may(actor, access.ROLES_MANAGE), "tab": "roles"}
    return render(request, "accounts/role.html", context, status=422 if form.errors else 200)


@require_POST
def delete(request: HttpRequest, slug: str, role_id: UUID) -> HttpResponse:
    actor = request_actor(request)
    access.require(actor, access.ROLES_MANAGE)
    role_find(role_id=role_id)
    fresh_proof_require(request)
    gone = done(request, lambda: role_delete(actor=actor, role_id=role_id), _("The role was deleted."))
    return redirect("accounts:roles", slug=slug) if gone else redirect("accounts:role", slug=slug, role_id=role_id)


def _fields(form: CustomRoleForm) -> dict[str, Any]:
    return {
        "name": form.cleaned_data["name"],
        "description": form.cleaned_data["description"],
        "allow": form.chosen(Effect.ALLOW),
        "deny": form.chosen(Effect.DENY),
    }
