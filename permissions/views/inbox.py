"""The approvals inbox."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from uuid import UUID

from django.contrib import messages
from django.db.models import Q, QuerySet, Value
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from accounts.contracts import Actor
from accounts.middleware import request_actor
from accounts.selectors.names import member_names
from accounts.step_up import is_fresh
from jarvis_site.kernel.back import back_to
from jarvis_site.kernel.errors import Invalid
from permissions.contracts import Choice, ConsentScope, ConsentState
from permissions.models import Consent, ConsentReviewer
from permissions.payloads import payload_of
from permissions.selectors import (
    answered_before,
    consent_get,
    consents_decided,
    consents_for_others,
    consents_own,
    consents_with_others,
    identical_waiting,
    may_answer,
    reviewers_of,
)
from permissions.services import consent_approve, consent_deny, consents_approve_same
from permissions.services.reviewing import still_reviews
from permissions.templatetags.consents import MOST_COUNTED

# Each row is drawn of a dozen parts; more would take longer to draw than to find.
LISTED = 25
# Further back nobody turns pages; the filter finds it.
MOST_PAGES = 400
_TABS: dict[str, Callable[..., QuerySet[Consent]]] = {
    "mine": consents_own,
    "team": consents_for_others,
    "others": consents_with_others,
    "decided": consents_decided,
}
_RISKS = ("read", "low", "medium", "high")


@require_safe
def index(request: HttpRequest, slug: str) -> HttpResponse:  # noqa: ARG001 - the scope was opened from it
    """The list, with its first question opened beside it."""
    wanted = request.GET.get("tab", "")
    return _page(request, tab=wanted if wanted in _TABS else "mine", opened=None)


@require_safe
def detail(request: HttpRequest, slug: str, consent_id: UUID) -> HttpResponse:  # noqa: ARG001
    """A link alone, from a mail for example, answers nothing: the session is asked, and a form is sent."""
    actor = request_actor(request)
    consent = consent_get(consent_id=consent_id, actor=actor)
    if consent.state != ConsentState.PENDING:
        tab = "decided"
    elif not may_answer(consent=consent, actor=actor):
        tab = "others"
    else:
        tab = "mine" if consent.member_id == actor.member_id else "team"
    return _page(request, tab=tab, opened=consent)


@require_POST
def decide(request: HttpRequest, slug: str, consent_id: UUID) -> HttpResponse:
    """Approve once, or reject with a reason; then back to where the person was."""
    actor = request_actor(request)
    consent_get(consent_id=consent_id, actor=actor)  # strangers learn nothing, not even what a good answer looks like
    reason = request.POST.get("reason", "")
    # The button that was pressed comes after the form's own field.
    match request.POST.getlist("decision")[-1:]:
        case ["approve"]:
            consent = consent_approve(
                consent_id=consent_id, actor=actor, choice=_choice(request), proved=is_fresh(request)
            )
            if consent.state == ConsentState.PENDING:
                messages.success(request, _("You have agreed. It waits for the answer of others."))
            else:
                messages.success(request, _("Approved. It is being done now."))
        case ["reads"]:
            consent_approve(consent_id=consent_id, actor=actor, scope=ConsentScope.READS, proved=is_fresh(request))
            messages.success(request, _("What only reads is being done now. Everything else asks you first."))
        case ["deny"]:
            consent_deny(consent_id=consent_id, actor=actor, reason=reason)
            messages.info(request, _("Rejected. It will not be done."))
        case ["never"]:
            consent_deny(consent_id=consent_id, actor=actor, reason=reason, never=True)
            messages.info(request, _("Rejected, and such a call is refused from now on without asking."))
        case _unclear:
            raise Invalid
    return redirect(back_to(request, default=reverse("permissions:list", args=[slug])))


@require_POST
def approve_same(request: HttpRequest, slug: str) -> HttpResponse:
    """Approve the named questions, which ask about exactly the same call."""
    try:
        ids = [UUID(text) for text in request.POST.getlist("consent")]
    except ValueError as error:
        raise Invalid from error
    number = consents_approve_same(consent_ids=ids, actor=request_actor(request))
    words = ngettext("%(n)d call is being done now.", "%(n)d calls are being done now.", number) % {"n": number}
    messages.success(request, words)
    return redirect(back_to(request, default=reverse("permissions:list", args=[slug])))


def _choice(request: HttpRequest) -> Choice:
    try:
        return Choice(request.POST.get("choice") or Choice.ONCE)
    except ValueError as error:
        raise Invalid from error


def _page(request: HttpRequest, *, tab: str, opened: Consent | None) -> HttpResponse:
    actor = request_actor(request)
    listed = _filtered(request, _TABS[tab](actor=actor))
    number = _number(request)
    found = list(listed.defer("arguments")[(number - 1) * LISTED : number * LISTED + 1])
    consents = found[:LISTED]
    shown = opened or next(iter(consents), None)
    reviewers = reviewers_of(consent=shown) if shown else []
    names = member_names({*_members(reviewers), *([shown.member_id] if shown else [])})
    answers = shown is not None and _answers(shown, reviewers, actor)
    context = {
        "consents": consents,
        "number": number,
        "more": len(found) > LISTED,
        "tab": tab,
        "risk": request.GET.get("risk", ""),
        "search": request.GET.get("q", ""),
        "tabs": _counts(actor),
        "consent": shown,
        "shown": [shown] if shown else [],
        "alone": opened is not None,
        "payload": payload_of(shown) if shown else None,
        "answers": answers,
        "same": identical_waiting(consent=shown, actor=actor) if shown and answers else [],
        "risks": _RISKS,
        "requester": names.get(shown.member_id, "") if shown else "",
        "own": shown is not None and shown.member_id == actor.member_id,
        "reviewers": [(row, names.get(row.member_id, ""), names.get(row.instead_of_id, "")) for row in reviewers],
        "before": answered_before(consent=shown) if shown else [],
    }
    return render(request, "permissions/consent_list.html", context)


def _number(request: HttpRequest) -> int:
    """Which part of the list; the first for what makes no sense."""
    text = request.GET.get("page", "")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < len(str(MOST_PAGES)) + 1 else 1
    return max(1, min(MOST_PAGES, number))


def _answers(consent: Consent, reviewers: Sequence[ConsentReviewer], actor: Actor) -> bool:
    """Whether their answer would count, as they are now."""
    if consent.state != ConsentState.PENDING:
        return False
    mine = (row for row in reviewers if row.member_id == actor.member_id and row.state == ConsentState.PENDING)
    return any(still_reviews(consent, row) for row in mine)


def _filtered(request: HttpRequest, consents: QuerySet[Consent]) -> QuerySet[Consent]:
    if (risk := request.GET.get("risk")) in _RISKS:
        consents = consents.filter(risk=risk)
    if words := request.GET.get("q", "").strip():
        consents = consents.filter(Q(title__icontains=words) | Q(tool__icontains=words))
    return consents


def _members(reviewers: Sequence[ConsentReviewer]) -> Iterator[UUID]:
    for row in reviewers:
        yield from (member for member in (row.member_id, row.instead_of_id) if member)


def _counts(actor: Actor) -> Counter[str]:
    """How many there are in each tab, as far as anybody counts, in one query."""
    few = [
        query(actor=actor).order_by().annotate(tab=Value(name)).values_list("tab", flat=True)[: MOST_COUNTED + 1]
        for name, query in _TABS.items()
    ]
    return Counter(few[0].union(*few[1:], all=True))
