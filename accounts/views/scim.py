"""The settings page "Directory (SCIM)": tokens for the organization's own directory."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access
from accounts.errors import TooManyKeys
from accounts.forms.keys import TokenForm
from accounts.middleware import request_actor
from accounts.selectors.scim import tokens
from accounts.services.scim_tokens import token_create, token_revoke
from accounts.step_up import fresh_proof_require

TAB = "directory"


@never_cache
@require_safe
def directory(request: HttpRequest, slug: str) -> HttpResponse:
    """The address for the directory, and the tokens that work."""
    access.require(request_actor(request), access.SIGN_IN_MANAGE)
    context = {"address": _address(request, slug), "tokens": tokens(), "tab": TAB}
    return render(request, "accounts/directory.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
def token_new(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask for a name and an end; then show the token, this once."""
    actor = request_actor(request)
    access.require(actor, access.SIGN_IN_MANAGE)
    fresh_proof_require(request)
    form = TokenForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            token, text = token_create(actor=actor, name=form.cleaned_data["name"], lifetime=form.lifetime())
        except TooManyKeys as error:
            form.add_error(None, str(error.message))
        else:
            context = {"secret": text, "token": token, "address": _address(request, slug), "tab": TAB}
            return render(request, "accounts/key_shown.html", context)
    return render(request, "accounts/key_form.html", {"form": form, "tab": TAB}, status=422 if form.errors else 200)


@require_POST
def token_end(request: HttpRequest, slug: str, token_id: UUID) -> HttpResponse:
    token_revoke(actor=request_actor(request), token_id=token_id)
    messages.success(request, _("Revoked. The directory can not write here with it any more."))
    return redirect("accounts:directory", slug=slug)


def _address(request: HttpRequest, slug: str) -> str:
    return request.build_absolute_uri(reverse("scim:root", kwargs={"slug": slug})).rstrip("/")
