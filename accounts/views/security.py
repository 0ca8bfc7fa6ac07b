"""One's own factors and sessions, and the organization's rules for signing in."""

from typing import Any
from uuid import UUID

from allauth.account.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.views import DeactivateTOTPView
from allauth.mfa.webauthn.views import RemoveWebAuthnView
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access
from accounts.errors import OwnWayMissing, SecondFactorFirst
from accounts.middleware import request_actor
from accounts.models import Membership, User
from accounts.selectors import organizations_of
from accounts.selectors.sessions import places_list
from accounts.selectors.sign_in import factors_of, has_second_factor
from accounts.services.sessions import member_session_end, member_sessions_end, session_end, sessions_end
from accounts.services.sign_in import sign_in_rules_update
from accounts.sign_in_forms import FactorRemovalForm, SignInRulesForm
from accounts.step_up import fresh_proof_require
from jarvis_site.kernel.back import back_to, next_of


@never_cache
@require_safe
def security(request: HttpRequest, slug: str) -> HttpResponse:  # noqa: ARG001 - the scope was opened from it
    """All about one's own sign-in, on one page."""
    user = _person(request)
    factors = factors_of(user=user)
    context = {
        "tab": "security",
        "passkeys": [factor for factor in factors if factor.type == Authenticator.Type.WEBAUTHN],
        "app": next((factor for factor in factors if factor.type == Authenticator.Type.TOTP), None),
        "recovery": next((factor for factor in factors if factor.type == Authenticator.Type.RECOVERY_CODES), None),
        "places": places_list(user=user, session_key=request.session.session_key),
    }
    return render(request, "accounts/security.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
def sign_in_rules(request: HttpRequest, slug: str) -> HttpResponse:
    """What sessions have to satisfy in this organization."""
    actor = request_actor(request)
    access.require(actor, access.SIGN_IN_MANAGE)
    fresh_proof_require(request)
    organization = _membership(request).organization
    form = SignInRulesForm(request.POST or None, organization=organization)
    if request.method == "POST" and form.is_valid():
        try:
            sign_in_rules_update(actor=actor, **form.rules())
        except SecondFactorFirst as error:
            form.add_error("mfa_required", str(error.message))
        except OwnWayMissing as error:
            form.add_error("sign_in_methods", str(error.message))
        else:
            messages.success(request, _("Saved. It holds for everybody from now on."))
            return redirect("accounts:sign_in_rules", slug=slug)
    status = 422 if form.errors else 200
    return render(request, "accounts/sign_in_rules.html", {"form": form, "tab": "sign_in_rules"}, status=status)


@require_POST
def member_sessions(request: HttpRequest, slug: str, member_id: UUID) -> HttpResponse:
    """Make a member sign in again before they get in here."""
    member_sessions_end(actor=request_actor(request), member_id=member_id)
    messages.success(request, _("They have to sign in again here. Their open pages are closed."))
    return redirect(back_to(request, default=reverse("accounts:members", args=[slug])))


@require_POST
def member_session(request: HttpRequest, slug: str, session_id: UUID) -> HttpResponse:
    """The same for one of their browsers."""
    member_id = member_session_end(actor=request_actor(request), session_id=session_id)
    messages.success(request, _("They have to sign in again in that browser. Its open pages here are closed."))
    return redirect("accounts:member", slug=slug, member_id=member_id)


@login_required
@never_cache
@require_safe
def sessions(request: HttpRequest) -> HttpResponse:
    places = places_list(user=_person(request), session_key=request.session.session_key)
    return render(request, "usersessions/list.html", {"places": places})


@login_required
@never_cache
@require_safe
def own_security(request: HttpRequest) -> HttpResponse:
    """Where mails lead: the page about one's own sign-in, in whichever organization."""
    found = organizations_of(user=_person(request))
    return redirect("accounts:security", slug=found[0].slug) if found else redirect("usersessions_list")


class _OneAfterTheOther(View):
    """Of two removals at once the later one sees what the earlier one has left. Needs a transaction."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        User.objects.select_for_update().get(pk=_person(request).pk)
        response: HttpResponse = super().post(request, *args, **kwargs)  # type: ignore[misc]  # a mixin
        return response


class AppRemoval(_OneAfterTheOther, DeactivateTOTPView):
    form_class = FactorRemovalForm


class PasskeyRemoval(_OneAfterTheOther, RemoveWebAuthnView):
    """allauth's, which does not ask whether the passkey may go."""

    form_class = FactorRemovalForm

    def get_form_kwargs(self) -> dict[str, Any]:
        # With data also at first: the page says at once why it would refuse.
        return {"data": {}, **super().get_form_kwargs(), "authenticator": self.object}

    def form_invalid(self, form: Any) -> HttpResponse:
        return render(self.request, self.template_name, self.get_context_data(form=form), status=422)


app_remove = AppRemoval.as_view()
passkey_remove = PasskeyRemoval.as_view()


@login_required
@require_POST
def session_stop(request: HttpRequest, pk: int) -> HttpResponse:
    session_end(user=_person(request), session_id=pk)
    messages.success(request, _("That browser is signed out."))
    return redirect(back_to(request, default=reverse("usersessions_list")))


@login_required
@require_POST
def sessions_stop(request: HttpRequest) -> HttpResponse:
    """Sign out everywhere, here too."""
    sessions_end(user=_person(request))
    get_adapter(request).logout(request)
    return redirect("account_login")


@login_required
@require_safe
def prove(request: HttpRequest) -> HttpResponse:
    """Lead to the best proof that the person can give, and then back."""
    methods = get_adapter(request).get_reauthentication_methods(request.user)
    target = next_of(request)
    if methods:
        return redirect(f"{methods[0]['url']}?{urlencode({'next': target})}")
    return render(request, "account/sign_in_again.html", {"again": _login_url(target)})


@login_required
@require_safe
def second_factor(request: HttpRequest) -> HttpResponse:
    """An organization wants a second factor: ask for it, or lead to setting one up."""
    if has_second_factor(user=_person(request)):
        return prove(request)
    return render(request, "mfa/required.html")


@login_required
@require_safe
def other_way(request: HttpRequest) -> HttpResponse:
    """An organization wants another way to sign in than the one of this session."""
    return render(request, "account/other_way.html", {"again": _login_url(next_of(request))})


def _login_url(target: str) -> str:
    return f"{reverse('account_login')}?{urlencode({'next': target})}"


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - nobody else gets here
    return request.user


def _membership(request: HttpRequest) -> Membership:
    membership: Membership = request.membership  # type: ignore[attr-defined]  # set by the tenant middleware
    return membership
