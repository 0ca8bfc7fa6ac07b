"""Settings page "Labels": what an organization calls its kinds of data, for rules to name."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import may, require
from accounts.middleware import request_actor
from accounts.step_up import fresh_proof_require
from permissions.access import POLICY_MANAGE, POLICY_VIEW
from permissions.errors import BadPolicy
from permissions.forms import LabelForm
from permissions.selectors.rules import label_get, labels_list
from permissions.services.rules import label_make, label_remove

TAB = "rules"


@never_cache
@require_http_methods(["GET", "POST"])
def listing(request: HttpRequest, slug: str) -> HttpResponse:
    """The labels; making one."""
    actor = request_actor(request)
    require(actor, POLICY_VIEW)
    form = LabelForm(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        require(actor, POLICY_MANAGE)
        fresh_proof_require(request)
        if form.is_valid():
            try:
                label_make(actor=actor, **form.cleaned_data)
            except BadPolicy as error:
                form.add_error(None, str(error.message))
            else:
                messages.success(request, _("The label was made."))
                return redirect("rules:labels", slug)
    context = {"labels": labels_list(), "form": form, "may_manage": may(actor, POLICY_MANAGE), "tab": TAB}
    return render(request, "permissions/rules/labels.html", context, status=422 if form.errors else 200)


@require_POST
def remove(request: HttpRequest, slug: str, label_id: UUID) -> HttpResponse:
    actor = request_actor(request)
    require(actor, POLICY_MANAGE)
    label_get(label_id=label_id)  # strangers learn nothing, not even that a proof would be asked for
    fresh_proof_require(request)
    label_remove(actor=actor, label_id=label_id)
    messages.success(request, _("The label was removed."))
    return redirect("rules:labels", slug)
