"""Settings page "Explain": what would be decided about a call, or was, and why."""

import json
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import may, require
from accounts.contracts import Actor
from accounts.middleware import request_actor
from accounts.selectors.names import member_names
from permissions.access import POLICY_MANAGE, POLICY_VIEW
from permissions.forms import ExplainForm
from permissions.selectors.rules import rule_names
from permissions.selectors.wording import clock, review_in_words
from permissions.services.simulating import Explained, call_explain, decision_explain

TAB = "rules"


@never_cache
@sensitive_post_parameters("arguments")
@require_http_methods(["GET", "POST"])
def explain(request: HttpRequest, slug: str) -> HttpResponse:  # noqa: ARG001 - the scope was opened from it
    """A call that is not made. It is sent as a form, so that its arguments stand in no address."""
    actor = request_actor(request)
    require(actor, POLICY_VIEW)
    everybody = may(actor, POLICY_MANAGE)
    data = request.POST if request.method == "POST" else None
    form = ExplainForm(data, own=str(actor.member_id), everybody=everybody)
    found = None
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        found = call_explain(
            actor=actor, tool=given["tool"], arguments=given["arguments"], member_id=UUID(given["member"])
        )
    context = {"form": form, **_shown(found, actor), "tab": TAB}
    return render(request, "permissions/rules/explain.html", context, status=422 if form.errors else 200)


@never_cache
@require_safe
def decision(request: HttpRequest, slug: str, decisionrecord_id: UUID) -> HttpResponse:  # noqa: ARG001
    """A recorded decision, made once more."""
    actor = request_actor(request)
    found = decision_explain(actor=actor, decision_id=decisionrecord_id)
    return render(request, "permissions/rules/explain.html", {**_shown(found, actor), "tab": TAB})


def _shown(found: Explained | None, actor: Actor) -> dict[str, Any]:
    if found is None:
        return {"found": None}
    own = found.member_id == actor.member_id
    rules = [item.rule.removeprefix("rule:") for item in found.shadow]
    return {
        "found": found,
        "own": own,
        "who": member_names([found.member_id]).get(found.member_id, ""),
        "answer": review_in_words(found.decision.review),
        "clock": clock(found.facts.minute),
        # What is in somebody else's call is theirs.
        "arguments": json.dumps(found.facts.arguments, ensure_ascii=False, indent=2) if own else "",
        "shadow": zip(found.shadow, map(rule_names(rules).get, rules), strict=True),
    }
