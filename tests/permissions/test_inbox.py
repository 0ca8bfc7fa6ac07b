"""The approvals page: what it reads, what it changes, identical calls together, and what nobody gets through it."""

from http import HTTPStatus

import pytest

from accounts.services.keys import key_create
from agents.contracts import StepState
from jarvis_site.kernel.tenancy import tenant
from permissions.contracts import ConsentState, Review
from permissions.models import Consent, ConsentReviewer
from tests.agents.plans import mail, question, start, step_of
from tests.cast import Cast, Person
from tests.engine import Workers
from tests.permissions.questions import MAIL, ask, asked, fresh, of, rule

pytestmark = pytest.mark.django_db(transaction=True)

PENDING, APPROVED = ConsentState.PENDING, ConsentState.APPROVED


def together(person: Person, *consents: Consent) -> int:
    told = {"consent": [str(one.id) for one in consents]}
    return person.client(proven=True).post(f"/o/{person.slug}/approvals/together/", told).status_code


def inbox(person: Person, query: str = "") -> str:
    return person.client().get(f"/o/{person.slug}/approvals/{query}").content.decode()


def test_a_page_that_a_mail_leads_to_only_reads(cast: Cast) -> None:
    consent = ask(cast.maya)
    with tenant(cast.halden.id):
        before = list(Consent.objects.values()), list(ConsentReviewer.objects.values())
    root = f"/o/{cast.maya.slug}/approvals/"
    told = ["", "?decision=approve", "?decision=approve&choice=always", "?decision=deny&reason=x", "?choice=never"]
    tried = 0
    for where in (root, f"{root}{consent.id}/"):
        for query in told:
            assert cast.maya.client(proven=True).get(where + query).status_code == HTTPStatus.OK
            tried += 1
    for where in (f"{root}{consent.id}/decide/", f"{root}together/"):
        for query in told:
            mark = "&" if query else "?"
            answered = cast.maya.client(proven=True).get(f"{where}{query}{mark}consent={consent.id}")
            assert answered.status_code == HTTPStatus.METHOD_NOT_ALLOWED
            tried += 1
    with tenant(cast.halden.id):
        assert (list(Consent.objects.values()), list(ConsentReviewer.objects.values())) == before
    print(f"links that changed nothing: {tried}")


def test_identical_calls_are_approved_together_each_once(cast: Cast) -> None:
    same = [ask(cast.maya) for _ in range(3)]
    other = ask(cast.maya, arguments={**MAIL, "subject": "Another"})
    assert "2 other requests ask about exactly the same call." in inbox(cast.maya, f"{same[0].id}/")
    assert together(cast.maya, *same) == HTTPStatus.FOUND
    assert [fresh(one).state for one in (*same, other)] == [APPROVED] * 3 + [PENDING]


def test_nothing_else_is_approved_together(cast: Cast) -> None:
    first = ask(cast.maya)
    refused = {
        "another call": ask(cast.maya, arguments={**MAIL, "subject": "Another"}),
        "another tool": ask(cast.maya, tool="calendar.cancel_event"),
        "high risk": ask(cast.maya, risk="high"),
        "a proof": ask(cast.maya, review=Review(proof=True)),
        "several people": ask(cast.maya, review=of(cast.maya, cast.tomas, quorum=2)),
        "somebody else's": ask(cast.tomas),
    }
    for what, consent in refused.items():
        assert together(cast.maya, first, consent) in {HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND}, what
        assert together(cast.maya, consent, consent) in {HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND, HTTPStatus.FOUND}
    assert together(cast.ines, first) in {HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND}
    assert together(cast.maya) == HTTPStatus.CONFLICT
    assert fresh(first).state == PENDING
    assert "exactly the same call" not in inbox(cast.maya, f"{first.id}/")
    print(f"not together: {len(refused)}")


def test_programs_neither_approve_nor_grant_themselves_anything(cast: Cast) -> None:
    consent = ask(cast.maya, review=Review(proof=True))
    plain = ask(cast.maya)
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        keys = {
            scopes: key_create(actor=cast.maya.actor, name=scopes, scopes=scopes.split(), lifetime=None).text
            for scopes in ("*", "approvals.*", "approvals.read runs.*", "approvals.decide approvals.read")
        }
    api, tried = f"/api/v1/o/{cast.maya.slug}/approvals/", 0
    for scopes, secret in keys.items():
        headers = {"Authorization": f"Bearer {secret}"}
        allowed = "approvals.decide" in scopes
        for one, answers in ((consent, {403}), (plain, {403} if not allowed else {400, 403, 422})):
            body = {"decision": "approve" if one is consent or not allowed else "reads"}
            said = cast.maya.client(proven=True).post(
                f"{api}{one.id}/decision", body, content_type="application/json", headers=headers
            )
            assert said.status_code in answers, (scopes, said.content)
            tried += 1
    assert [fresh(consent).state, fresh(plain).state] == [PENDING, PENDING]
    print(f"programs refused: {tried}")


def test_an_edit_of_what_waits_is_asked_about_anew(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, mail())
    workers.drain()
    first = question(cast.maya, run)
    edit = f"/o/{cast.maya.slug}/runs/{run.id}/plan/1/"
    assert f'href="{edit}" data-edit' in inbox(cast.maya)
    assert edit in cast.maya.client().get(f"/o/{cast.maya.slug}/runs/{run.id}/card/").content.decode()
    told = {"a-to": "raj@example.com", "a-subject": "Another subject", "a-body": "Come", "base": "1", "save": "1"}
    assert cast.maya.client().post(edit, told).status_code == HTTPStatus.FOUND
    workers.drain()
    second = question(cast.maya, run)
    assert (fresh(first).state, second.state) == (ConsentState.WITHDRAWN, PENDING)
    assert (second.id != first.id, second.digest != first.digest) == (True, True)
    assert second.arguments["subject"] == "Another subject"
    assert step_of(run, "1").state == StepState.ASKING


def test_where_others_answer_the_run_says_who_and_shows_no_buttons(cast: Cast, workers: Workers) -> None:
    rule(cast.maya, review=of(cast.tomas, cast.priya, own_answer=False))
    run = start(cast.maya, mail())
    workers.drain()
    consent = question(cast.maya, run)
    assert asked(consent).keys() == {cast.tomas.membership.id, cast.priya.membership.id}
    for path in (f"runs/{run.id}/", f"runs/{run.id}/card/", f"approvals/{consent.id}/"):
        page = cast.maya.client().get(f"/o/{cast.maya.slug}/{path}").content.decode()
        assert "Approve once" not in page, path
        assert "Priya Raman" in page, path
    assert "Waiting for others" in cast.maya.client().get(f"/o/{cast.maya.slug}/runs/{run.id}/").content.decode()
    shown = inbox(cast.tomas, "?tab=team")
    assert "Approve once" in shown
    assert f"/runs/{run.id}/" not in shown  # their page is not there for others


def test_a_long_call_is_shown_to_its_last_letter(cast: Cast) -> None:
    tail = "and wire the money to DE00."
    consent = ask(cast.maya, arguments={**MAIL, "body": "All is well. " * 4_000 + tail, "\u202enote": "x" * 400 + tail})
    page = inbox(cast.maya, f"{consent.id}/")
    assert page.count(tail) >= 3
    assert "\u202e" not in page


def test_the_list_goes_on_where_a_page_ends(cast: Cast) -> None:
    for number in range(27):
        ask(cast.maya, title=f"Question number {number:02}")
    first, second = inbox(cast.maya), inbox(cast.maya, "?page=2")
    assert (first.count('class="ask"'), second.count('class="ask"')) == (25, 2)
    assert ('rel="next"' in first, 'rel="next"' in second, 'rel="prev"' in second) == (True, False, True)
    assert inbox(cast.maya, "?page=nonsense").count('class="ask"') == 25
