"""Questions and standing permissions for tests, as the engine and the pages make them."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.contracts import Role
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.ids import uuid7
from jarvis_site.kernel.tenancy import tenant
from permissions.contracts import Choice, ConsentRequest, Review, Reviewers, Verdict
from permissions.models import Absence, Consent, ConsentReviewer, Grant, PolicyRule
from permissions.services import consent_ask
from permissions.services.grants import grant_give
from permissions.services.heads import changed
from tests.cast import Cast, Person, _joined

MAIL = {"to": ["raj@example.com"], "subject": "Invitation", "body": "Please come."}


def request_for(person: Person, *, review: Review | None = None, **fields: Any) -> ConsentRequest:
    """About a mail, in a run and a step of its own unless they are given."""
    told: dict[str, Any] = {
        "digest": uuid7().hex * 2,
        "run_id": uuid7(),
        "step_id": uuid7(),
        "member_id": person.membership.id,
        "tool": "mail.send",
        "arguments": dict(MAIL),
        "title": "Mail the invitation to raj@example.com",
        "risk": "medium",
        "reversibility": "final",
        "rule": "reaches-people",
        "reason": "It reaches raj@example.com.",
        "review": review or Review(),
    }
    return ConsentRequest(**{**told, **fields})


def ask(person: Person, *, review: Review | None = None, **fields: Any) -> Consent:
    with tenant(person.organization.id), transaction.atomic():
        return consent_ask(request_for(person, review=review, **fields))


def of(*people: Person, **needs: Any) -> Review:
    """A review by these people."""
    named = Reviewers(members=tuple(str(person.membership.id) for person in people))
    return Review(**{"reviewers": named, **needs})


def joined(cast: Cast, name: str, role: Role = Role.MEMBER) -> Person:
    """Somebody else at Halden & Roe."""
    return _joined(name, f"{name.lower()}@halden.example", cast.halden, role)


def fresh(consent: Consent) -> Consent:
    with tenant(consent.organization_id):
        return Consent.objects.get(id=consent.id)


def asked(consent: Consent) -> dict[UUID, str]:
    """What each of those who were asked has said."""
    with tenant(consent.organization_id):
        rows = ConsentReviewer.objects.filter(consent=consent).values_list("member_id", "state")
        return dict(rows)


def grant(person: Person, choice: Choice = Choice.ALWAYS, **fields: Any) -> Grant:
    """As the person gives it with an answer."""
    consent = ask(person, **fields)
    with tenant(person.organization.id), transaction.atomic():
        return grant_give(consent=consent, choice=choice, timezone=person.actor.timezone)


def away(person: Person, delegate: Person, *, starts: timedelta = -timedelta(hours=1)) -> Absence:
    with tenant(person.organization.id):
        absence = Absence.objects.create(
            member_id=person.membership.id,
            delegate_id=delegate.membership.id,
            starts_at=db_now(plus=starts),
            ends_at=db_now(plus=timedelta(days=3)),
        )
        absence.refresh_from_db()
        return absence


def rule(person: Person, **fields: Any) -> PolicyRule:
    """An enforced rule that asks about every mail."""
    from permissions.reviews import review_as_json

    told = {"name": "Mail is looked at by others", "effect": Verdict.ASK, "tools": ["mail.send"], "state": "enforced"}
    review = review_as_json(fields.pop("review", Review()))
    with tenant(person.organization.id), transaction.atomic():
        made = PolicyRule.objects.create(**{**told, **fields}, review=review, created_by_id=person.membership.id)
        changed(rules=True)
        return made
