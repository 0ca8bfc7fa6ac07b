"""Settings page "Rules": what the organization's own rules say, writing them, and trying them out."""

from collections.abc import Callable, Sequence
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import may, require
from accounts.contracts import Actor
from accounts.middleware import request_actor
from accounts.selectors.names import member_names
from accounts.step_up import fresh_proof_require
from jarvis_site.kernel.errors import Invalid
from permissions.access import POLICY_MANAGE, POLICY_VIEW
from permissions.contracts import RuleSpec, RuleState
from permissions.errors import BadPolicy
from permissions.forms import RuleForm
from permissions.models import DecisionRecord, PolicyRule
from permissions.policy import CONTEXT_NAMES, as_cedar, problem_of
from permissions.selectors.rules import KEPT_DAYS, decided_by, rule_get, rules_list, shadow_would, shadowed_by
from permissions.selectors.wording import names_for, sentence
from permissions.services.rules import rule_change, rule_make, rule_retire, rule_state
from permissions.services.simulating import Change, Tried, rule_try

TAB = "rules"
# Of changes that a rule would have made.
PAGE = 25
# Of what a rule has said lately.
LATEST = 10
# Cedar, beside the field for a condition; docs/how-to/write-a-policy.md has more.
EXAMPLES = """context.outsiders > 0
context.domains.contains("bank.example")
context.arguments has overwrite && context.arguments.overwrite == true
context.people > 10 && context.weekday > 5"""


@never_cache
@require_safe
def listing(request: HttpRequest, slug: str) -> HttpResponse:  # noqa: ARG001 - the scope was opened from it
    actor = request_actor(request)
    require(actor, POLICY_VIEW)
    listed = rules_list()
    names = names_for(item.rule.spec for item in listed)
    rows = [{"item": item, "sentence": sentence(item.rule.spec, names)} for item in listed]
    context = {"rows": rows, "may_manage": may(actor, POLICY_MANAGE), "days": KEPT_DAYS, "tab": TAB}
    return render(request, "permissions/rules/list.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest, slug: str) -> HttpResponse:
    """A new rule: trying it stores nothing."""
    actor = request_actor(request)
    require(actor, POLICY_MANAGE)
    form = RuleForm(request.POST if request.method == "POST" else None)

    def save(spec: RuleSpec) -> PolicyRule:
        return rule_make(actor=actor, spec=spec)

    return _written(request, slug, form, save)


@never_cache
@require_http_methods(["GET", "POST"])
def change(request: HttpRequest, slug: str, rule_id: UUID) -> HttpResponse:
    actor = request_actor(request)
    require(actor, POLICY_MANAGE)
    rule = rule_get(rule_id=rule_id)
    form = RuleForm(request.POST if request.method == "POST" else None, spec=rule.spec)

    def save(spec: RuleSpec) -> PolicyRule:
        return rule_change(actor=actor, rule_id=rule_id, spec=spec)

    return _written(request, slug, form, save, rule=rule)


@never_cache
@require_safe
def detail(request: HttpRequest, slug: str, rule_id: UUID) -> HttpResponse:  # noqa: ARG001 - the scope was opened from it
    """What it says and has said. Others' calls are listed for who manages rules."""
    actor = request_actor(request)
    require(actor, POLICY_VIEW)
    rule = rule_get(rule_id=rule_id)
    may_manage = may(actor, POLICY_MANAGE)
    tried = rule_try(actor=actor, spec=rule.spec, rule_id=rule.id) if may_manage and "try" in request.GET else None
    would = shadow_would(rule=rule) if rule.state == RuleState.SHADOW else {}
    said, problem = _said(rule), problem_of(rule.spec)
    context = {
        "rule": rule,
        "sentence": sentence(rule.spec, names_for([rule.spec])),
        "cedar": "" if problem else as_cedar(rule.spec),
        "problem": problem,
        "states": _steps(RuleState(rule.state)),
        "may_manage": may_manage,
        "would": would,
        "would_all": sum(would.values()),
        "said_count": said.count(),
        "said": _with_names(list(said[:LATEST])) if may_manage else [],
        "days": KEPT_DAYS,
        "tab": TAB,
        **_shown(request.GET.get("page", "1"), tried, actor),
    }
    return render(request, "permissions/rules/rule.html", context)


@require_POST
def state(request: HttpRequest, slug: str, rule_id: UUID) -> HttpResponse:
    actor = request_actor(request)
    require(actor, POLICY_MANAGE)
    rule_get(rule_id=rule_id)
    fresh_proof_require(request)
    try:
        wanted = RuleState(request.POST.get("state", ""))
    except ValueError as error:
        raise Invalid from error
    try:
        rule_state(actor=actor, rule_id=rule_id, state=wanted)
    except BadPolicy as error:
        messages.error(request, str(error.message))
    else:
        messages.success(request, _NEWS[wanted]())
    return redirect("rules:detail", slug, rule_id)


@require_POST
def retire(request: HttpRequest, slug: str, rule_id: UUID) -> HttpResponse:
    actor = request_actor(request)
    require(actor, POLICY_MANAGE)
    rule_get(rule_id=rule_id)
    fresh_proof_require(request)
    rule_retire(actor=actor, rule_id=rule_id)
    messages.success(request, _("The rule was ended."))
    return redirect("rules:list", slug)


_NEWS: dict[RuleState, Callable[[], str]] = {
    RuleState.DRAFT: lambda: _("The rule is a draft now and does nothing."),
    RuleState.SHADOW: lambda: _("The rule writes down from now on what it would have said. It changes nothing."),
    RuleState.ENFORCED: lambda: _("The rule decides from now on. What people had answered before is asked again."),
}


def _written(
    request: HttpRequest,
    slug: str,
    form: RuleForm,
    save: Callable[[RuleSpec], PolicyRule],
    rule: PolicyRule | None = None,
) -> HttpResponse:
    """The form as it was filled in: saved, tried, or with what is wrong beside it."""
    actor, tried = request_actor(request), None
    # Boxes and pages of the trial are buttons of the same form.
    trial = "try" in request.POST or "page" in request.POST
    if request.method == "POST" and not trial:
        fresh_proof_require(request)
    if request.method == "POST" and form.is_valid() and form.said:
        if trial:
            tried = rule_try(actor=actor, spec=form.said, rule_id=rule.id if rule else None)
        elif (saved := _saved(form, lambda: save(form.said))) is not None:  # type: ignore[arg-type]  # checked above
            messages.success(request, _("Saved.") if rule else _("Saved as a draft. It does nothing yet."))
            return redirect("rules:detail", slug, saved.id)
    context = {
        "form": form,
        "rule": rule,
        "context_names": CONTEXT_NAMES,
        "examples": EXAMPLES,
        "sentence": sentence(form.said, names_for([form.said])) if form.said else "",
        "tab": TAB,
        **_shown(request.POST.get("page", "1"), tried, actor),
    }
    return render(request, "permissions/rules/form.html", context, status=422 if form.errors else 200)


def _saved(form: RuleForm, act: Callable[[], PolicyRule]) -> PolicyRule | None:
    """Act; say beside the form why it did not work: between the form and its sending a team may have gone."""
    try:
        return act()
    except BadPolicy as error:
        form.add_error(None, str(error.message))
        return None


def _shown(wanted: str, tried: Tried | None, actor: Actor) -> dict[str, object]:
    """A page of what a rule would have changed, for `trial.html`."""
    if tried is None:
        return {"tried": None}
    page: Page[Change] = Paginator(tried.changes, PAGE).get_page(wanted)
    names = member_names({row.member_id for row in page.object_list})
    rows = [(row, names.get(row.member_id, ""), row.member_id == actor.member_id) for row in page.object_list]
    return {"tried": tried, "page": page, "rows": rows, "days": KEPT_DAYS}


def _said(rule: PolicyRule) -> QuerySet[DecisionRecord]:
    return shadowed_by(rule=rule) if rule.state == RuleState.SHADOW else decided_by(rule=rule)


def _with_names(records: Sequence[DecisionRecord]) -> list[tuple[DecisionRecord, str]]:
    names = member_names({record.member_id for record in records})
    return [(record, names.get(record.member_id, "")) for record in records]


def _steps(now: RuleState) -> list[RuleState]:
    """What it can be made: nearer to deciding first."""
    return [state for state in (RuleState.ENFORCED, RuleState.SHADOW, RuleState.DRAFT) if state is not now]
