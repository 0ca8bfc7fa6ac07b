"""Inviting, and being invited."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from accounts import access
from accounts.contracts import Role
from accounts.errors import AlreadyMember, InvitationGone
from accounts.forms.organizations import InvitationsForm
from accounts.forms.rights import role_of
from accounts.middleware import request_actor
from accounts.models import User
from accounts.selectors.invitations import (
    accepted_by,
    invitation_find,
    invitations_list,
    owns_address,
    requests_waiting,
)
from accounts.services.invitations import (
    Line,
    Outcome,
    invitation_accept,
    invitation_resend,
    invitation_revoke,
    invitations_send,
)
from accounts.services.roles import RANK
from accounts.step_up import is_fresh
from accounts.views.outcomes import done, saved


@require_http_methods(["GET", "POST"])
def listing(request: HttpRequest, slug: str) -> HttpResponse:
    """Who is invited, who asks to join; inviting one or many."""
    actor = request_actor(request)
    access.require(actor, access.MEMBERS_INVITE)
    form = InvitationsForm(
        request.POST if request.method == "POST" else None, actor=actor, initial={"role": Role.MEMBER.value}
    )
    lines: list[Line] = []
    if request.method == "POST" and form.is_valid():
        role, own = role_of(form.cleaned_data["role"])

        def send() -> None:
            lines.extend(invitations_send(actor=actor, lines=form.lines(), role=role, custom_role_id=own))

        if _is_confirmed(request, form, role, own) and saved(form, send):
            _say(request, lines)
            if all(line.outcome is Outcome.SENT for line in lines):
                return redirect("accounts:invitations", slug=slug)
            form = InvitationsForm(actor=actor, initial={"role": form.cleaned_data["role"]})
    context = {"form": form, "lines": lines, "invitations": invitations_list(), "requests": requests_waiting()}
    status = 422 if form.errors else 200
    return render(request, "accounts/invitations.html", {**context, "tab": "invitations"}, status=status)


@require_POST
def resend(request: HttpRequest, slug: str, invitation_id: UUID) -> HttpResponse:
    actor = request_actor(request)
    said = _("Sent again. The link in the earlier mail does not work any more.")
    done(request, lambda: invitation_resend(actor=actor, invitation_id=invitation_id), said)
    return redirect("accounts:invitations", slug=slug)


@require_POST
def revoke(request: HttpRequest, slug: str, invitation_id: UUID) -> HttpResponse:
    actor = request_actor(request)
    done(request, lambda: invitation_revoke(actor=actor, invitation_id=invitation_id), _("The invitation was revoked."))
    return redirect("accounts:invitations", slug=slug)


@sensitive_variables("secret")
@require_http_methods(["GET", "POST"])
def invited(request: HttpRequest, slug: str, secret: str) -> HttpResponse:
    """The page that the mail leads to. Outside the organization: whoever comes belongs to it only afterwards."""
    response = _invited(request, slug, secret)
    patch_cache_control(response, no_store=True)
    response["Referrer-Policy"] = "no-referrer"
    return response


@sensitive_variables("secret")
def _invited(request: HttpRequest, slug: str, secret: str) -> HttpResponse:
    user = request.user
    try:
        found = invitation_find(slug=slug, secret=secret)
        if request.method == "POST" and isinstance(user, User):
            invitation_accept(slug=slug, secret=secret, user=user)
            messages.success(request, _("Welcome to %(name)s.") % {"name": found.organization.name})
            return redirect("organization_start", slug=slug)
    except AlreadyMember:
        return redirect("organization_start", slug=slug)
    except InvitationGone:
        if isinstance(user, User) and accepted_by(slug=slug, secret=secret, user=user):
            return redirect("organization_start", slug=slug)
        raise
    mine = isinstance(user, User) and owns_address(user=user, email=found.email)
    return render(request, "accounts/invitation.html", {"invited": found, "mine": mine})


def _is_confirmed(request: HttpRequest, form: InvitationsForm, role: Role, own: UUID | None) -> bool:
    """Whoever invites to more than a member's rights shows first who they are. What they have typed stays."""
    if (own is None and RANK[role] <= RANK[Role.MEMBER]) or is_fresh(request):
        return True
    address = f"{reverse('account_prove')}?{urlencode({'next': request.path})}"
    said = _("Confirm first that it is you, in a new tab, then send this again.")
    form.add_error("role", format_html('<a href="{}" target="_blank">{}</a>', address, said))
    return False


def _say(request: HttpRequest, lines: list[Line]) -> None:
    sent = sum(line.outcome is Outcome.SENT for line in lines)
    if sent:
        said = ngettext("%(count)d invitation is on its way.", "%(count)d invitations are on their way.", sent)
        messages.success(request, said % {"count": sent})
