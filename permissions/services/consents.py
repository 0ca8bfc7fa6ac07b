"""Asking people, taking their answers, and using an answer once.

The caller of `consent_ask` and `consent_use` holds a transaction in which the step changes too.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from structlog.contextvars import bind_contextvars

from accounts.access import require
from accounts.contracts import Actor
from jarvis_site.audit import record
from jarvis_site.kernel import realtime
from jarvis_site.kernel.clock import db_now, db_time
from jarvis_site.kernel.errors import Invalid, NotFound
from jarvis_site.kernel.events import publish
from jarvis_site.kernel.ids import joining
from jarvis_site.kernel.tenancy import all_tenants, tenant
from permissions.access import APPROVALS_DECIDE
from permissions.contracts import (
    Choice,
    ConsentKind,
    ConsentRequest,
    ConsentScope,
    ConsentState,
    PlanConsentRequest,
)
from permissions.errors import AlreadyDecided, ConsentExpired, NotTheSame, OnlyOnce, ProofNeeded
from permissions.events import ConsentDecided, ConsentWithdrawn
from permissions.models import Consent, ConsentReviewer
from permissions.reviews import review_as_json
from permissions.selectors.consents import MOST_TOGETHER, together
from permissions.services.grants import grant_give
from permissions.services.reviewing import agreed, most_answers, reviewers_ask, still_agreed, still_reviews

# Long enough for a week-end and a sick day; what is older was forgotten and should be asked for again.
CONSENT_LIFETIME = timedelta(days=7)
EXPIRY_BATCH = 200
REASON_LENGTH = 500
# The rule by which a plan as a whole is asked about.
PLAN_RULE = "plan"


def consent_ask(request: ConsentRequest) -> Consent:
    """Ask once: a question about the same call that is still open, or answered and unused, is returned as it is. What
    the step has asked before about another call is withdrawn: nobody can answer two at once."""
    open_states = [ConsentState.PENDING, ConsentState.APPROVED]
    before = Consent.objects.select_for_update().filter(step_id=request.step_id, state__in=open_states)
    for consent in before:
        if _is_over(consent):
            # An approval that nobody used in time stands in the way of a new question.
            _lay_aside(consent, ConsentState.EXPIRED)
        elif consent.digest == request.digest:
            return consent
        elif consent.used_at is None:
            _lay_aside(consent, ConsentState.WITHDRAWN)
    return _asked(
        run_id=request.run_id,
        step_id=request.step_id,
        member_id=request.member_id,
        digest=request.digest,
        tool=request.tool,
        arguments=request.arguments,
        title=request.title[:300],
        risk=request.risk,
        reversibility=request.reversibility,
        rule=request.rule,
        rule_reason=request.reason[:500],
        risk_reasons=request.risk_reasons,
        sources=[asdict(source) for source in request.sources],
        review=review_as_json(request.review),
        standing=request.standing,
        policy_version=request.policy_version,
    )


def _is_over(consent: Consent) -> bool:
    return consent.state == ConsentState.APPROVED and consent.used_at is None and consent.expires_at <= db_time()


def plan_ask(request: PlanConsentRequest) -> Consent:
    """Ask about a plan. A question about an earlier version of it is withdrawn: nobody can answer two at once."""
    plans_withdraw(run_id=request.run_id)
    return _asked(**_of_plan(request))


def plan_agreed(request: PlanConsentRequest) -> Consent:
    """Put on record that the person has said yes to exactly these steps, by the very act that made them."""
    consent = Consent.objects.create(
        **_of_plan(request),
        expires_at=db_time() + CONSENT_LIFETIME,
        state=ConsentState.APPROVED,
        decided_by_id=request.member_id,
        decided_at=db_now(),
    )
    details = {"digest": consent.digest}
    record(action="consent.approved", resource=consent, run_id=consent.run_id, decision="approved", details=details)
    return consent


def _of_plan(request: PlanConsentRequest) -> dict[str, Any]:
    return {
        "kind": ConsentKind.PLAN,
        "run_id": request.run_id,
        "member_id": request.member_id,
        "digest": request.digest,
        "arguments": request.plan,
        "title": request.title[:300],
        "risk": request.risk,
        "reversibility": request.reversibility,
        "rule": PLAN_RULE,
        "rule_reason": request.reason[:500],
        "review": review_as_json(request.review),
        "policy_version": request.policy_version,
    }


def _asked(**fields: Any) -> Consent:
    now = db_time()
    consent = Consent(expires_at=now + CONSENT_LIFETIME, **fields)
    review = consent.needs
    if review.escalate_minutes:
        consent.escalates_at = now + timedelta(minutes=review.escalate_minutes)
    consent.save(force_insert=True)
    asked = reviewers_ask(consent)
    record(
        action="consent.asked",
        resource=consent,
        run_id=consent.run_id,
        decision="ask",
        reason=consent.rule_reason,
        details={
            "tool": consent.tool,
            "digest": consent.digest,
            "rule": consent.rule,
            "reviewers": [str(member) for member in asked],
            "quorum": review.quorum,
        },
    )
    if not refused_for_want_of_people(consent):
        announce(consent)
    return consent


def refused_for_want_of_people(consent: Consent) -> bool:
    """Refuse at once what nobody can approve: to wait for them would be to wait for nothing."""
    most, quorum = most_answers(consent), consent.needs.quorum
    if most >= quorum:
        return False
    words = ngettext(
        "%(quorum)d person has to agree, and only %(most)d may answer.",
        "%(quorum)d people have to agree, and only %(most)d may answer.",
        quorum,
    )
    reason = words % {"quorum": quorum, "most": most} if most else _("There is nobody here who may answer this.")
    _settle(consent, None, ConsentState.DENIED, reason=reason)
    return True


@transaction.atomic
def consent_approve(
    *,
    consent_id: UUID,
    actor: Actor,
    scope: ConsentScope = ConsentScope.ALL,
    choice: Choice = Choice.ONCE,
    proved: bool = False,
) -> Consent:
    """Approve the exact call, once; or the plan, or only what reads in it. It is approved when as many have agreed as
    the question needs.

    Args:
        choice: makes a standing permission besides, where the question lets its person have one.
        proved: the actor has just shown who they are, see `accounts.step_up`.

    Raises:
        MayNot: see `permissions.access`. NotFound: there is none, or the actor may not answer it.
        AlreadyDecided, ConsentExpired, ProofNeeded, OnlyOnce: nothing was changed.
        Invalid: "never" approves nothing, and of a single call there is no part that only reads.
    """
    consent, mine = _mine(consent_id, actor)
    if choice is Choice.NEVER or (scope is ConsentScope.READS and consent.kind != ConsentKind.PLAN):
        raise Invalid
    if consent.needs.proof and not proved:
        raise ProofNeeded
    _standing_require(consent, actor, choice)
    _answer(mine, ConsentState.APPROVED, proved=proved)
    if agreed(consent) < consent.needs.quorum:
        _agree(consent, mine)
        return consent
    _settle(consent, actor, ConsentState.APPROVED, scope=scope, choice=choice)
    if choice is not Choice.ONCE:
        grant_give(consent=consent, choice=choice, timezone=actor.timezone)
    return consent


@transaction.atomic
def consents_approve_same(*, consent_ids: Sequence[UUID], actor: Actor) -> int:
    """Approve several questions about exactly the same call, each once. Returns how many.

    Raises: as `consent_approve`; NotTheSame: they differ, or one of them wants an answer of its own. Nothing
        was changed.
    """
    found = list(Consent.objects.filter(id__in=consent_ids[: MOST_TOGETHER + 1]))
    calls = {(one.member_id, one.tool, json.dumps(one.arguments, sort_keys=True)) for one in found}
    if len(found) != len(set(consent_ids)) or len(calls) != 1 or not all(together(one) for one in found):
        raise NotTheSame
    # In one order, so that two who do it at once wait for each other and not in a circle.
    for one in sorted(found, key=lambda one: one.id):
        consent_approve(consent_id=one.id, actor=actor)
    return len(found)


@transaction.atomic
def consent_deny(*, consent_id: UUID, actor: Actor, reason: str, never: bool = False) -> Consent:
    """Refuse the call, with the reason that the person gives; the refusal of one is enough.

    Args:
        never: such calls are refused from now on, without asking.

    Raises: as `consent_approve`.
    """
    consent, mine = _mine(consent_id, actor)
    choice = Choice.NEVER if never else Choice.ONCE
    _standing_require(consent, actor, choice)
    reason = reason.strip()[:REASON_LENGTH]
    _answer(mine, ConsentState.DENIED, reason=reason)
    _settle(consent, actor, ConsentState.DENIED, reason=reason, choice=choice)
    if never:
        grant_give(consent=consent, choice=choice, timezone=actor.timezone)
    return consent


def consent_use(*, step_id: UUID, digest: str) -> bool:
    """Use up the approval of exactly this call. True once; also true again for the same step, whose idempotency key
    makes a repetition after a crash harmless. A digest that differs in anything finds nothing, and an approval by
    people who may not give it any more is none."""
    mine = Consent.objects.filter(step_id=step_id, digest=digest, state=ConsentState.APPROVED)
    consent = mine.select_for_update().filter(used_at__isnull=True, expires_at__gt=db_now()).first()
    if consent is None:
        return mine.filter(used_at__isnull=False).exists()
    if not still_agreed(consent):
        reason = _("Who approved it may not any more.")
        _lay_aside(consent, ConsentState.WITHDRAWN, reason=reason)
        return False
    Consent.objects.filter(id=consent.id).update(used_at=db_now())
    record(action="consent.used", resource=consent, run_id=consent.run_id, details={"digest": digest})
    return True


def plan_use(*, run_id: UUID, step: dict[str, object], key: str, policy_version: int) -> bool:
    """Whether people have approved a plan with exactly this step in it. The engine calls it for the first try of a step
    only: what is to be done a second time is asked about by itself.

    Args:
        step: `tool` and `arguments` as they stand in the plan.
        key: the step's id in the plan.
        policy_version: of the organization's rules now; an approval under others is not one under these.
    """
    approved = Consent.objects.filter(
        run_id=run_id,
        kind=ConsentKind.PLAN,
        state=ConsentState.APPROVED,
        scope=ConsentScope.ALL,
        policy_version=policy_version,
    )
    wanted = {"steps": [{"id": key, **step}]}
    for consent in approved.filter(arguments__contains=wanted):
        # Containment in JSON is not equality: the plan could hold more arguments than are asked for here.
        if any(_same(planned, key, step) for planned in consent.arguments["steps"]):
            Consent.objects.filter(id=consent.id, used_at__isnull=True).update(used_at=db_now())
            record(action="consent.used", resource=consent, run_id=run_id, details={"step": key})
            return True
    return False


def _same(planned: dict[str, object], key: str, step: dict[str, object]) -> bool:
    return planned["id"] == key and all(planned[name] == value for name, value in step.items())


def plans_withdraw(*, run_id: UUID) -> None:
    """The plan that people were asked about is not the run's any more."""
    _withdraw(Consent.objects.filter(run_id=run_id, kind=ConsentKind.PLAN))


def consents_withdraw(*, run_id: UUID, step_id: UUID | None = None) -> None:
    """The run is over, or a step of it: the open questions go away."""
    asked = Consent.objects.filter(run_id=run_id)
    _withdraw(asked.filter(step_id=step_id) if step_id else asked)


def _withdraw(asked: QuerySet[Consent]) -> None:
    for consent in asked.select_for_update().filter(state=ConsentState.PENDING):
        _lay_aside(consent, ConsentState.WITHDRAWN)


def _lay_aside(consent: Consent, state: ConsentState, *, reason: str = "") -> None:
    """Nobody has to answer it any more, or the answer is worth nothing; the step that asked goes on without it."""
    Consent.objects.filter(id=consent.id).update(state=state, escalates_at=None)
    consent.state = state
    _close(consent)
    record(action=f"consent.{state}", resource=consent, run_id=consent.run_id, reason=reason)
    publish(ConsentWithdrawn(consent_id=consent.id))
    announce(consent)


def consents_expire() -> int:
    """Close questions whose time is over, in all organizations. Returns how many."""
    with all_tenants():
        due = list(
            Consent.objects.filter(state=ConsentState.PENDING, expires_at__lte=db_now()).values_list(
                "id", "organization_id"
            )[:EXPIRY_BATCH]
        )
    for consent_id, organization_id in due:
        with tenant(organization_id), transaction.atomic():
            _expire(consent_id)
    return len(due)


def _expire(consent_id: UUID) -> None:
    changed = Consent.objects.filter(id=consent_id, state=ConsentState.PENDING, expires_at__lte=db_now()).update(
        state=ConsentState.EXPIRED, decided_at=db_now()
    )
    if changed:
        _conclude(Consent.objects.get(id=consent_id))


def _mine(consent_id: UUID, actor: Actor) -> tuple[Consent, ConsentReviewer]:
    """The question, locked, and the actor's place among those who answer it."""
    require(actor, APPROVALS_DECIDE)
    consent = Consent.objects.select_for_update().filter(id=consent_id).first()
    mine = ConsentReviewer.objects.filter(consent_id=consent_id, member_id=actor.member_id).first()
    if consent is None or mine is None:
        raise NotFound
    bind_contextvars(**joining({"run_id": consent.run_id, "step_id": consent.step_id}))
    if consent.state != ConsentState.PENDING or mine.state != ConsentState.PENDING:
        raise AlreadyDecided
    if consent.expires_at <= db_time():
        raise ConsentExpired
    if not still_reviews(consent, mine):
        raise NotFound
    return consent, mine


def _standing_require(consent: Consent, actor: Actor, choice: Choice) -> None:
    """A standing answer is given by the one for whom it will be done, and only where no rule wants to be asked."""
    if choice is not Choice.ONCE and not (consent.standing and consent.member_id == actor.member_id):
        raise OnlyOnce


def _answer(mine: ConsentReviewer, state: ConsentState, *, reason: str = "", proved: bool = False) -> None:
    ConsentReviewer.objects.filter(id=mine.id).update(state=state, reason=reason, proved=proved, answered_at=db_now())


def _agree(consent: Consent, mine: ConsentReviewer) -> None:
    """Put on record that somebody has agreed, which is not enough yet."""
    details = {"digest": consent.digest, "instead_of": str(mine.instead_of_id or "")}
    record(action="consent.agreed", resource=consent, run_id=consent.run_id, decision="approved", details=details)
    announce(consent)


def _settle(
    consent: Consent,
    actor: Actor | None,
    state: ConsentState,
    *,
    reason: str = "",
    scope: ConsentScope = ConsentScope.ALL,
    choice: Choice = Choice.ONCE,
) -> None:
    Consent.objects.filter(id=consent.id).update(
        state=state,
        scope=scope if consent.kind == ConsentKind.PLAN else ConsentScope.ALL,
        choice=choice,
        decided_by_id=actor.member_id if actor else None,
        decided_at=db_now(),
        escalates_at=None,
        reason=reason,
    )
    consent.refresh_from_db()
    _conclude(consent)


def consents_escalate() -> int:
    """Ask more people where nobody has answered in time, in all organizations. Returns how many questions."""
    late = Q(state=ConsentState.PENDING, escalates_at__lte=db_now())
    with all_tenants():
        due = list(Consent.objects.filter(late).values_list("id", "organization_id")[:EXPIRY_BATCH])
    for consent_id, organization_id in due:
        with tenant(organization_id), transaction.atomic():
            if (consent := Consent.objects.select_for_update().filter(late, id=consent_id).first()) is not None:
                _escalate(consent)
    return len(due)


def _escalate(consent: Consent) -> None:
    asked = reviewers_ask(consent, escalated=True)
    Consent.objects.filter(id=consent.id).update(escalates_at=None)
    details = {"reviewers": [str(member) for member in asked]}
    record(action="consent.escalated", resource=consent, run_id=consent.run_id, details=details)
    announce(consent)


def _close(consent: Consent) -> None:
    """Nobody has to answer it any more."""
    waiting = ConsentReviewer.objects.filter(consent=consent, state=ConsentState.PENDING)
    waiting.update(state=ConsentState.WITHDRAWN)


def _conclude(consent: Consent) -> None:
    _close(consent)
    record(
        action=f"consent.{consent.state}",
        resource=consent,
        run_id=consent.run_id,
        decision=consent.state,
        reason=consent.reason,
        details={"tool": consent.tool, "digest": consent.digest},
    )
    publish(
        ConsentDecided(consent_id=consent.id, run_id=consent.run_id, step_id=consent.step_id, state=str(consent.state))
    )
    announce(consent)


def announce(consent: Consent) -> None:
    """Tell the open pages of all whom it concerns to look at the inbox and its count again."""
    asked = ConsentReviewer.objects.filter(consent=consent).values_list("member_id", flat=True)
    for member_id in {consent.member_id, *asked}:
        realtime.publish(f"inbox:{member_id}", {"type": "consents.changed"})
