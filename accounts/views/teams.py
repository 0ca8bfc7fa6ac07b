"""Teams and who is in them."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts import access
from accounts.contracts import Actor, Effect
from accounts.forms.rights import TeamForm, TeamMemberForm
from accounts.middleware import request_actor
from accounts.models import Team
from accounts.selectors.members import team_find, team_members, teams_tree
from accounts.services.teams import team_change, team_create, team_delete, team_member_add, team_member_remove
from accounts.step_up import fresh_proof_require
from accounts.views.outcomes import done, saved


@require_http_methods(["GET", "POST"])
def listing(request: HttpRequest, slug: str) -> HttpResponse:
    """The tree of teams; making one."""
    actor = _looking(request)
    form = TeamForm(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        access.require(actor, access.TEAMS_MANAGE)
        fresh_proof_require(request)
        if form.is_valid() and saved(form, lambda: team_create(actor=actor, **_fields(form))):
            messages.success(request, _("The team was made."))
            return redirect("accounts:teams", slug=slug)
    context = {"teams": teams_tree(), "form": form, "may_manage": access.may(actor, access.TEAMS_MANAGE)}
    status = 422 if form.errors else 200
    return render(request, "accounts/teams.html", {**context, "tab": "teams"}, status=status)


@require_http_methods(["GET", "POST"])
def detail(request: HttpRequest, slug: str, team_id: UUID) -> HttpResponse:
    """A team and its members; changing it."""
    actor = _looking(request)
    team = team_find(team_id=team_id)
    initial = {"name": team.name, "parent": team.parent_id}
    form = TeamForm(
        request.POST if request.method == "POST" else None, initial=initial, allow=team.allow, deny=team.deny
    )
    if request.method == "POST":
        access.require(actor, access.TEAMS_MANAGE)
        fresh_proof_require(request)
        if form.is_valid() and saved(form, lambda: team_change(actor=actor, team_id=team_id, **_fields(form))):
            messages.success(request, _("Saved."))
            return redirect("accounts:team", slug=slug, team_id=team_id)
    return _detail(request, team, form, TeamMemberForm(team=team))


@require_POST
def delete(request: HttpRequest, slug: str, team_id: UUID) -> HttpResponse:
    actor = request_actor(request)
    access.require(actor, access.TEAMS_MANAGE)
    team_find(team_id=team_id)
    fresh_proof_require(request)
    gone = done(request, lambda: team_delete(actor=actor, team_id=team_id), _("The team was deleted."))
    return redirect("accounts:teams", slug=slug) if gone else redirect("accounts:team", slug=slug, team_id=team_id)


@require_POST
def member_add(request: HttpRequest, slug: str, team_id: UUID) -> HttpResponse:
    actor = request_actor(request)
    access.require(actor, access.TEAMS_MANAGE)
    team = team_find(team_id=team_id)
    form = TeamMemberForm(request.POST, team=team)

    def add() -> None:
        team_member_add(actor=actor, team_id=team_id, member_id=form.cleaned_data["member"].id)

    if form.is_valid() and saved(form, add):
        return redirect("accounts:team", slug=slug, team_id=team_id)
    initial = {"name": team.name, "parent": team.parent_id}
    return _detail(request, team, TeamForm(initial=initial, allow=team.allow, deny=team.deny), form)


@require_POST
def member_remove(request: HttpRequest, slug: str, team_id: UUID, member_id: UUID) -> HttpResponse:
    actor = request_actor(request)

    def remove() -> None:
        team_member_remove(actor=actor, team_id=team_id, member_id=member_id)

    done(request, remove, _("They are in the team no more."))
    return redirect("accounts:team", slug=slug, team_id=team_id)


def _detail(request: HttpRequest, team: Team, form: TeamForm, member_form: TeamMemberForm) -> HttpResponse:
    context = {
        "team": team,
        "members": team_members(team_id=team.id),
        "form": form,
        "member_form": member_form,
        "may_manage": access.may(request_actor(request), access.TEAMS_MANAGE),
        "tab": "teams",
    }
    status = 422 if form.errors or member_form.errors else 200
    return render(request, "accounts/team.html", context, status=status)


def _looking(request: HttpRequest) -> Actor:
    actor = request_actor(request)
    access.require(actor, access.MEMBERS_VIEW)
    return actor


def _fields(form: TeamForm) -> dict[str, Any]:
    parent = form.cleaned_data["parent"]
    return {
        "name": form.cleaned_data["name"],
        "parent_id": parent.id if parent else None,
        "allow": form.chosen(Effect.ALLOW),
        "deny": form.chosen(Effect.DENY),
    }
