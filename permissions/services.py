"""Asking people, taking their answers, and using an answer once.

The caller of `consent_ask` and `consent_use` holds a transaction in which the step changes too.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from structlog.contextvars import bind_contextvars

from accounts.access import require
from accounts.contracts import Actor
from jarvis_site.audit import record
from jarvis_site.kernel import realtime
from jarvis_site.kernel.clock import db_now, db_time
from jarvis_site.kernel.errors import NotFound
from jarvis_site.kernel.events import publish
from jarvis_site.kernel.ids import joining
from jarvis_site.kernel.tenancy import all_tenants, tenant
from permissions.access import APPROVALS_DECIDE
from permissions.contracts import ConsentKind, ConsentRequest, ConsentScope, ConsentState, PlanConsentRequest
from permissions.errors import AlreadyDecided, ConsentExpired
from permissions.events import ConsentAsked, ConsentDecided
from permissions.models import Consent

# Long enough for a week-end and a sick day; what is older was forgotten and should be asked for again.
CONSENT_LIFETIME = timedelta(days=7)
EXPIRY_BATCH = 200
# The rule by which a plan as a whole is asked about.
PLAN_RULE = "plan"


def consent_ask(request: ConsentRequest) -> Consent:
    """Ask once: a question about the same call that is still open, or answered and unused, is returned as it is."""
    # An approval that nobody used in time stands in the way of a new question.
    Consent.objects.filter(
        step_id=request.step_id, state=ConsentState.APPROVED, used_at__isnull=True, expires_at__lte=db_now()
    ).update(state=ConsentState.EXPIRED)
    open_states = [ConsentState.PENDING, ConsentState.APPROVED]
    existing = Consent.objects.filter(step_id=request.step_id, digest=request.digest, state__in=open_states).first()
    if existing is not None:
        return existing
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
    )


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
    }


def _asked(**fields: Any) -> Consent:
    consent = Consent.objects.create(expires_at=db_time() + CONSENT_LIFETIME, **fields)
    record(
        action="consent.asked",
        resource=consent,
        run_id=consent.run_id,
        decision="ask",
        reason=consent.rule_reason,
        details={"tool": consent.tool, "digest": consent.digest, "rule": consent.rule},
    )
    publish(ConsentAsked(consent_id=consent.id, run_id=consent.run_id, member_id=consent.member_id))
    _announce(consent)
    return consent


@transaction.atomic
def consent_approve(*, consent_id: UUID, actor: Actor, scope: ConsentScope = ConsentScope.ALL) -> Consent:
    """Approve the exact call, once; or the plan, or only what reads in it.

    Raises:
        MayNot: see `permissions.access`. NotFound: there is none, or somebody else was asked.
        AlreadyDecided, ConsentExpired: nothing was changed.
    """
    return _decide(consent_id=consent_id, actor=actor, state=ConsentState.APPROVED, reason="", scope=scope)


@transaction.atomic
def consent_deny(*, consent_id: UUID, actor: Actor, reason: str) -> Consent:
    """Refuse the call, with the reason that the person gives. Raises as `consent_approve`."""
    return _decide(consent_id=consent_id, actor=actor, state=ConsentState.DENIED, reason=reason.strip()[:500])


def consent_use(*, step_id: UUID, digest: str) -> bool:
    """Use up the approval of exactly this call. True once; also true again for the same step, whose idempotency key
    makes a repetition after a crash harmless. A digest that differs in anything finds nothing."""
    mine = Consent.objects.filter(step_id=step_id, digest=digest, state=ConsentState.APPROVED, expires_at__gt=db_now())
    used = mine.filter(used_at__isnull=True).update(used_at=db_now())
    if used:
        record(action="consent.used", resource=f"permissions.consent:{mine.get().id}", run_id=mine.get().run_id)
        return True
    return Consent.objects.filter(
        step_id=step_id, digest=digest, state=ConsentState.APPROVED, used_at__isnull=False
    ).exists()


def plan_use(*, run_id: UUID, step: dict[str, object], key: str) -> bool:
    """Whether people have approved a plan with exactly this step in it. The engine calls it for the first try of a step
    only: what is to be done a second time is asked about by itself.

    Args:
        step: `tool` and `arguments` as they stand in the plan.
        key: the step's id in the plan.
    """
    approved = Consent.objects.filter(
        run_id=run_id, kind=ConsentKind.PLAN, state=ConsentState.APPROVED, scope=ConsentScope.ALL
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
        consent.state = ConsentState.WITHDRAWN
        consent.save(update_fields=["state"])
        record(action="consent.withdrawn", resource=consent, run_id=consent.run_id)
        _announce(consent)


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


def _decide(
    *, consent_id: UUID, actor: Actor, state: ConsentState, reason: str, scope: ConsentScope = ConsentScope.ALL
) -> Consent:
    require(actor, APPROVALS_DECIDE)
    consent = Consent.objects.select_for_update().filter(id=consent_id, member_id=actor.member_id).first()
    if consent is None:
        raise NotFound
    bind_contextvars(**joining({"run_id": consent.run_id, "step_id": consent.step_id}))
    if consent.state != ConsentState.PENDING:
        raise AlreadyDecided
    if consent.expires_at <= db_time():
        raise ConsentExpired
    Consent.objects.filter(id=consent_id).update(
        state=state,
        scope=scope if consent.kind == ConsentKind.PLAN else ConsentScope.ALL,
        decided_by_id=actor.member_id,
        decided_at=db_now(),
        reason=reason,
    )
    consent.refresh_from_db()
    _conclude(consent)
    return consent


def _conclude(consent: Consent) -> None:
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
    _announce(consent)


def _announce(consent: Consent) -> None:
    """Tell the person's open pages to look at the inbox and its count again."""
    realtime.publish(f"inbox:{consent.member_id}", {"type": "consents.changed"})
