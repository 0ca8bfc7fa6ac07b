"""Standing permissions: what they cover, the ledger, falling asleep, and out of office."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction

from accounts.services.members import member_leave
from agents.contracts import StepState
from agents.orchestrator.facts import facts_of
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.tenancy import tenant
from notifications.models import Notification
from permissions.contracts import Choice, Verdict
from permissions.models import Grant
from permissions.policy import NO_RULES, decide
from permissions.services import grant_revoke, grants_notice, grants_suspend
from permissions.services.grants import _end
from permissions.standing import forget
from tests.agents.plans import mail, question, start, step_of
from tests.cast import Cast, Person
from tests.engine import Workers
from tests.permissions.questions import MAIL, ask, grant

pytestmark = pytest.mark.django_db(transaction=True)


def ledger(person: Person, query: str = "", *, everybody: bool = False) -> str:
    path = "settings/grants/everybody/" if everybody else "settings/grants/"
    return person.client().get(f"/o/{person.slug}/{path}{query}").content.decode()


def post(person: Person, path: str, **fields: str) -> int:
    return person.client().post(f"/o/{person.slug}/settings/{path}", fields).status_code


def row_of(granted: Grant) -> Grant:
    with tenant(granted.organization_id):
        return Grant.objects.get(id=granted.id)


def verdict(granted: Grant, **arguments: Any) -> Verdict:
    given = {**MAIL, **arguments}
    facts = facts_of(tool="mail.send", arguments=given, planned=given, run="")
    return decide(facts, NO_RULES, [granted.standing]).verdict


@pytest.mark.parametrize(
    "change",
    [
        {"cc": ["eve@example.com"]},
        {"bcc": ["eve@example.com"]},
        {"to": ["raj@example.com", "eve@example.com"]},
        {"to": ["Raj@example.com"]},
        {"attendees": ["eve@example.com"]},
    ],
)
def test_a_permission_for_some_people_reaches_nobody_else(cast: Cast, change: dict[str, Any]) -> None:
    given = grant(cast.maya)
    assert verdict(given, subject="Another") is Verdict.ALLOW
    assert verdict(given, **change) is Verdict.ASK


def test_what_removes_is_allowed_only_as_it_was_whichever_rule_asked(cast: Cast) -> None:
    reasons = (("removes", "It removes something."),)
    given = grant(cast.maya, rule="reaches-people", risk_reasons=reasons)
    assert given.arguments == MAIL


@pytest.mark.parametrize(
    ("zone", "now", "end"),
    [
        ("Pacific/Kiritimati", "2026-11-22T09:59:00+00:00", "2026-11-22T10:00:00+00:00"),
        ("Pacific/Kiritimati", "2026-11-22T10:00:00+00:00", "2026-11-23T10:00:00+00:00"),
        ("Pacific/Pago_Pago", "2026-11-22T10:59:00+00:00", "2026-11-22T11:00:00+00:00"),
        ("Europe/Berlin", "2026-10-24T22:30:00+00:00", "2026-10-25T23:00:00+00:00"),  # a day of 25 hours
        ("Europe/Berlin", "2026-03-28T23:30:00+00:00", "2026-03-29T22:00:00+00:00"),  # and one of 23
        ("America/Santiago", "2026-09-05T12:00:00+00:00", "2026-09-06T04:00:00+00:00"),  # without a midnight
        ("", "2026-11-22T23:59:59+00:00", "2026-11-23T00:00:00+00:00"),
    ],
)
def test_today_ends_at_the_midnight_of_the_person(zone: str, now: str, end: str) -> None:
    found = _end(Choice.TODAY, datetime.fromisoformat(now), zone)
    assert found is not None
    assert found.astimezone(UTC) == datetime.fromisoformat(end)
    assert found > datetime.fromisoformat(now).astimezone(ZoneInfo(zone or "UTC"))


def test_a_choice_for_longer_stands_in_the_ledger_is_used_counted_and_ended(cast: Cast, workers: Workers) -> None:
    first = start(cast.maya, mail())
    workers.drain()
    asked = question(cast.maya, first)
    client, root = cast.maya.client(proven=True), f"/o/{cast.maya.slug}/"
    client.post(f"{root}approvals/{asked.id}/decide/", {"decision": "approve", "choice": "always"})
    workers.drain()
    forget()
    again = start(cast.maya, mail(subject="Another"))
    workers.drain()
    assert step_of(again, "1").state == StepState.SUCCEEDED
    page = ledger(cast.maya)
    for shown in ("used 1 time,", "Always", "only to raj@example.com", f"approvals/{asked.id}/", f"runs/{first.id}/"):
        assert shown in page
    with tenant(cast.halden.id):
        given = Grant.objects.get()
        assert AuditEvent.objects.filter(action="grant.used").count() == 1
    assert post(cast.maya, f"grants/{given.id}/revoke/") == HTTPStatus.FOUND
    forget()
    third = start(cast.maya, mail(subject="A third"))
    workers.drain()
    assert step_of(third, "1").state == StepState.ASKING
    assert "Nothing stands" in ledger(cast.maya)
    assert asked.title in ledger(cast.maya, "?state=ended")


def test_nobody_sees_or_ends_what_others_have_given_but_who_manages_them(cast: Cast) -> None:
    given = grant(cast.maya)
    for stranger in (cast.priya, cast.tomas):
        assert given.title not in ledger(stranger)
        assert post(stranger, f"grants/{given.id}/revoke/") == HTTPStatus.NOT_FOUND
    assert post(cast.priya, f"grants/everybody/{given.id}/revoke/") == HTTPStatus.FORBIDDEN
    assert post(cast.priya, "grants/everybody/revoke-all/", member=str(cast.maya.membership.id)) == HTTPStatus.FORBIDDEN
    assert post(cast.ines, f"grants/everybody/{given.id}/revoke/") == HTTPStatus.NOT_FOUND
    assert row_of(given).revoked_at is None
    assert given.title in ledger(cast.tomas, everybody=True)
    assert post(cast.tomas, f"grants/everybody/{given.id}/revoke/") == HTTPStatus.FOUND
    assert row_of(given).revoked_by_id == cast.tomas.membership.id


def test_all_of_a_person_end_at_once_and_nobody_elses(cast: Cast) -> None:
    hers, too, his = grant(cast.maya), grant(cast.maya, Choice.NEVER), grant(cast.tomas)
    assert post(cast.tomas, "grants/everybody/revoke-all/", member=str(cast.maya.membership.id)) == HTTPStatus.FOUND
    assert [row_of(one).revoked_at is None for one in (hers, too, his)] == [False, False, True]
    assert post(cast.tomas, "grants/everybody/revoke-all/", member="everybody") == HTTPStatus.BAD_REQUEST
    assert post(cast.tomas, "grants/revoke-all/") == HTTPStatus.FOUND
    assert row_of(his).revoked_at is not None


def test_the_ledger_filters_by_person_tool_device_and_state(cast: Cast) -> None:
    hers = grant(cast.maya, title="Hers")
    grant(cast.tomas, title="His", tool="calendar.cancel_event")
    with tenant(cast.halden.id):
        Grant.objects.filter(id=hers.id).update(device="0199aa", suspended_at=db_now())
    queries = {
        f"?member={cast.maya.membership.id}": (True, False),
        "?tool=calendar": (False, True),
        "?device=0199aa": (True, False),
        "?state=suspended": (True, False),
        "?state=live": (False, True),
        "?state=nonsense&member=nonsense": (True, True),
    }
    for query, shown in queries.items():
        page = ledger(cast.tomas, query, everybody=True)
        assert (">Hers<" in page, ">His<" in page) == shown, query


def test_what_is_unused_is_announced_after_23_days_and_asleep_after_30(cast: Cast, workers: Workers) -> None:
    given = grant(cast.maya)

    def past(days: float, *, told: float | None = None) -> None:
        with tenant(cast.halden.id):
            Grant.objects.filter(id=given.id).update(
                created_at=db_now(plus=-timedelta(days=days)),
                noticed_at=None if told is None else db_now(plus=-timedelta(days=told)),
            )

    past(22.9)
    assert (grants_notice(), grants_suspend()) == (0, 0)
    past(23.1)
    assert (grants_notice(), grants_notice(), grants_suspend()) == (1, 0, 0)
    past(30.1, told=6.9)
    assert grants_suspend() == 0
    past(30.1, told=7.1)
    assert (grants_suspend(), grants_suspend()) == (1, 0)
    workers.jobs()
    with tenant(cast.halden.id):
        told = Notification.objects.filter(key__startswith="grant-").order_by("created_at")
        assert [(one.member_id, one.link) for one in told] == [(cast.maya.membership.id, "settings/grants/")] * 2
    assert "Asleep" in ledger(cast.maya)
    assert post(cast.tomas, f"grants/{given.id}/wake/") == HTTPStatus.NOT_FOUND
    assert post(cast.maya, f"grants/{given.id}/wake/") == HTTPStatus.FOUND
    assert row_of(given).suspended_at is None
    assert (grants_notice(), grants_suspend()) == (0, 0)


def test_a_program_lists_its_persons_own_and_ends_them_with_the_right_to_answer(cast: Cast) -> None:
    given, his = grant(cast.maya), grant(cast.tomas)
    api = f"/api/v1/o/{cast.maya.slug}/grants/"
    listed = cast.maya.client().get(api).json()
    assert [(one["id"], one["state"], one["choice"]) for one in listed] == [(str(given.id), "live", "always")]
    assert cast.maya.client().get(f"{api}?state=nonsense").status_code == HTTPStatus.BAD_REQUEST
    assert cast.maya.client().post(f"{api}{his.id}/revoke").status_code == HTTPStatus.NOT_FOUND
    assert cast.maya.client().post(f"{api}{given.id}/revoke").json()["state"] == "ended"
    assert cast.priya.client().get(f"{api}everybody/").status_code == HTTPStatus.FORBIDDEN
    assert len(cast.tomas.client().get(f"{api}everybody/").json()) == 1


def test_ending_twice_changes_nothing(cast: Cast) -> None:
    given = grant(cast.maya)
    with tenant(cast.halden.id, member=cast.maya.membership.id), transaction.atomic():
        first = grant_revoke(grant_id=given.id, actor=cast.maya.actor)
        second = grant_revoke(grant_id=given.id, actor=cast.maya.actor)
        assert first.revoked_at == second.revoked_at
        assert AuditEvent.objects.filter(action="grant.revoked").count() == 1


def test_a_question_about_one_call_gives_no_permission_by_itself(cast: Cast) -> None:
    ask(cast.maya)
    with tenant(cast.halden.id):
        assert not Grant.objects.exists()


def test_whoever_comes_back_has_nothing_allowed_in_advance(cast: Cast, workers: Workers) -> None:
    granted = grant(cast.priya)
    with tenant(cast.priya.organization.id, member=cast.priya.membership.id):
        member_leave(actor=cast.priya.actor)
    workers.drain()
    assert row_of(granted).revoked_at is not None
