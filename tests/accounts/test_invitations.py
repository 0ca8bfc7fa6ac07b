"""Inviting people by e-mail, and what an invitation is good for."""

import re
from datetime import timedelta
from http import HTTPStatus

import pytest
from allauth.account.models import EmailAddress
from django.core.mail import EmailMessage
from django.test import Client

from accounts.contracts import Role
from accounts.models import Invitation, Membership, Organization, User
from accounts.secrets import make
from accounts.services import members, roles
from accounts.services.invitations import MOST_AT_ONCE, invitation_accept
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.errors import JarvisError
from jarvis_site.kernel.models import Job
from jarvis_site.kernel.tenancy import tenant
from tests.accounts.joining import NEW, account, invitation, invite, links, membership, signed_in
from tests.accounts.test_membership import at_once
from tests.cast import PASSWORD, Cast
from tests.engine import Workers

pytestmark = pytest.mark.django_db(transaction=True)

GONE = "This invitation does not hold, or holds no more."


def test_an_invited_person_joins_with_their_account(
    cast: Cast, workers: Workers, mailoutbox: list[EmailMessage]
) -> None:
    nora = account(NEW)
    invite(cast.tomas)
    [link] = links(workers, mailoutbox)
    assert (mailoutbox[0].to, mailoutbox[0].subject) == ([NEW], "Halden & Roe invites you to Jarvis")
    client = signed_in(nora)
    page = client.get(link)
    assert "Tomas Okafor invites nora@halden.example" in page.content.decode()
    assert (page.headers["Referrer-Policy"], page.headers["Cache-Control"]) == ("no-referrer", "no-store")
    assert membership(cast.maya, nora) is None  # looking is not joining
    joined = client.post(link, follow=True)
    assert joined.redirect_chain[-1][0] == f"/o/{cast.halden.slug}/chat/"
    found = membership(cast.maya, nora)
    assert found is not None
    assert found.role == Role.MEMBER
    with tenant(cast.halden.id):
        recorded = AuditEvent.objects.filter(resource_id=str(invitation(cast.maya).id)).values_list("action", flat=True)
        assert set(recorded) == {"invitation.sent", "invitation.accepted"}


def test_the_secret_stands_in_the_mail_only(cast: Cast, workers: Workers, mailoutbox: list[EmailMessage]) -> None:
    invite(cast.tomas)
    with tenant(cast.halden.id):
        assert "jv_invite" not in str(list(Job.objects.values()))
    [link] = links(workers, mailoutbox)
    secret = link.rstrip("/").rpartition("/")[2]
    with tenant(cast.halden.id):
        rows = [*Invitation.objects.values(), *AuditEvent.objects.values(), *Job.objects.values()]
        assert secret not in str(rows)


def test_an_invitation_works_once(cast: Cast, workers: Workers, mailoutbox: list[EmailMessage]) -> None:
    nora = account(NEW)
    invite(cast.tomas)
    [link] = links(workers, mailoutbox)
    client = signed_in(nora)
    client.post(link)
    for answer in (client.get(link), client.post(link)):  # a second tab of hers: she is in
        assert answer.headers["Location"] == f"/o/{cast.halden.slug}/"
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        members.member_remove(actor=cast.maya.actor, member_id=membership(cast.maya, nora).id)
    assert client.post(link).status_code in {HTTPStatus.NOT_FOUND, HTTPStatus.FOUND}
    assert membership(cast.maya, nora) is None
    assert Client().get(link).status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("how", ["expired", "revoked", "resent", "suspended"])
def test_an_invitation_that_is_over_looks_like_one_that_never_was(
    cast: Cast, workers: Workers, mailoutbox: list[EmailMessage], how: str
) -> None:
    nora = account(NEW)
    invite(cast.tomas)
    [link] = links(workers, mailoutbox)
    row = invitation(cast.maya)
    path = f"/o/{cast.halden.slug}/settings/invitations/{row.id}/"
    if how == "expired":
        with tenant(cast.halden.id):
            Invitation.objects.filter(id=row.id).update(expires_at=db_now(plus=timedelta(seconds=-1)))
    elif how == "suspended":
        Organization.objects.filter(id=cast.halden.id).update(suspended_at=db_now())
    else:
        assert cast.tomas.client().post(path + ("revoke/" if how == "revoked" else "resend/")).status_code == 302
    client = signed_in(nora)
    never = f"/invitations/{cast.halden.slug}/{make('invite').text}/"
    nowhere = f"/invitations/no-such-place/{make('invite').text}/"
    odd = f"/invitations/{cast.halden.slug}/guess/"
    for browser in (client, Client()):
        answers = [browser.get(door) for door in (link, never, nowhere, odd)]
        assert {answer.status_code for answer in answers} == {HTTPStatus.NOT_FOUND}
        assert len({_plain(answer.content.decode()) for answer in answers}) == 1
        assert GONE in answers[0].content.decode()
        assert browser.post(link).status_code == HTTPStatus.NOT_FOUND
    assert membership(cast.maya, nora) is None
    if how == "resent":
        fresh = links(workers, mailoutbox)[-1]
        assert client.post(fresh).status_code == HTTPStatus.FOUND
        assert membership(cast.maya, nora) is not None


def _plain(page: str) -> str:
    """Without what differs from page to page: tokens and the address itself."""
    return re.sub(r'/invitations/[^"&\s]+|csrf[^>]*>|"X-CSRFToken"[^}]*', "", page)


def test_somebody_with_another_address_is_told_and_not_let_in(
    cast: Cast, workers: Workers, mailoutbox: list[EmailMessage]
) -> None:
    invite(cast.tomas)
    [link] = links(workers, mailoutbox)
    client = cast.ines.client()
    page = client.get(link).content.decode()
    assert "This invitation is for nora@halden.example, and you are signed in as ines@borealis.example" in page
    assert client.post(link).status_code == HTTPStatus.FORBIDDEN
    assert membership(cast.maya, cast.ines.user) is None


@pytest.mark.parametrize("verified", [True, False])
def test_a_second_address_counts_once_it_is_confirmed(
    cast: Cast, workers: Workers, mailoutbox: list[EmailMessage], verified: bool
) -> None:
    EmailAddress.objects.create(user=cast.ines.user, email=NEW, verified=verified)
    invite(cast.tomas)
    [link] = links(workers, mailoutbox)
    cast.ines.client().post(link)
    assert (membership(cast.maya, cast.ines.user) is not None) is verified


def test_the_mail_s_secret_confirms_the_address(cast: Cast, workers: Workers, mailoutbox: list[EmailMessage]) -> None:
    nora = account(NEW, verified=False)
    invite(cast.tomas)
    [link] = links(workers, mailoutbox)
    signed_in(nora).post(link)
    assert EmailAddress.objects.get(user=nora).verified


def test_a_new_person_signs_up_and_comes_back_without_an_organization_of_their_own(
    cast: Cast, workers: Workers, mailoutbox: list[EmailMessage]
) -> None:
    invite(cast.tomas)
    [link] = links(workers, mailoutbox)
    client = Client()
    assert f"/account/signup/?next={link}" in client.get(link).content.decode()
    form = client.get("/account/signup/", {"next": link}).content.decode()
    assert "Afterwards you join Halden" in form
    assert 'name="organization"' not in form
    fields = {"name": "Nora New", "password1": PASSWORD, "next": link}
    answer = client.post("/account/signup/", {**fields, "organization": "Mine", "email": "other@evil.example"})
    assert answer.headers["Location"] == link
    nora = User.objects.get(email=NEW)
    assert EmailAddress.objects.get(user=nora).verified
    assert not User.objects.filter(email="other@evil.example").exists()
    assert Organization.objects.count() == 2
    assert client.post(link, follow=True).status_code == HTTPStatus.OK
    assert membership(cast.maya, nora) is not None


def test_signing_up_without_an_invitation_that_holds_is_as_ever(cast: Cast) -> None:
    link = f"/invitations/{cast.halden.slug}/{make('invite').text}/"
    for target in (link, "/nowhere/", "//evil.example/", ""):
        form = Client().get("/account/signup/", {"next": target}).content.decode()
        assert 'name="organization"' in form


def test_somebody_with_an_account_signs_in_and_comes_back(
    cast: Cast, workers: Workers, mailoutbox: list[EmailMessage]
) -> None:
    account(NEW)
    invite(cast.tomas)
    [link] = links(workers, mailoutbox)
    client = Client()
    answer = client.post("/account/login/", {"login": NEW, "password": PASSWORD, "next": link})
    assert answer.headers["Location"] == link


def test_each_line_of_many_gets_its_answer(cast: Cast, workers: Workers, mailoutbox: list[EmailMessage]) -> None:
    invite(cast.tomas, "old@halden.example")
    pasted = f"{NEW}\nPeter <Peter@Halden.example>, priya@halden.example;old@halden.example\n{NEW}\nnonsense\n\n"
    page = invite(cast.tomas, pasted).content.decode()
    for shown in ("is invited already", "is a member already", "stands here twice", "is no e-mail address"):
        assert page.count(shown) == 1
    links(workers, mailoutbox)
    assert sorted(mail.to[0] for mail in mailoutbox) == [NEW, "old@halden.example", "peter@halden.example"]


def test_two_hundred_at_once_and_no_more(cast: Cast) -> None:
    many = [f"p{number}@halden.example" for number in range(MOST_AT_ONCE + 1)]
    refused = invite(cast.tomas, "\n".join(many))
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "more than 200 addresses" in refused.content.decode()
    with tenant(cast.halden.id):
        assert not Invitation.objects.exists()
    assert invite(cast.tomas, "\n".join(many[1:])).status_code == HTTPStatus.FOUND
    with tenant(cast.halden.id):
        assert Invitation.objects.count() == MOST_AT_ONCE


def test_an_invitation_promises_no_more_than_the_one_who_invites_may_give(cast: Cast) -> None:
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        role = roles.role_create(actor=cast.maya.actor, name="All", allow=["data.export"])
    for wanted in ("owner", f"custom:{role.id}"):
        assert invite(cast.tomas, role=wanted).status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert invite(cast.priya).status_code == HTTPStatus.FORBIDDEN
    with tenant(cast.halden.id):
        assert not Invitation.objects.exists()
    assert invite(cast.maya, role="owner").status_code == HTTPStatus.FOUND
    assert invitation(cast.maya).role == Role.OWNER
    # Who may not make owners does not send the promise of one again either.
    path = f"/o/{cast.halden.slug}/settings/invitations/{invitation(cast.maya).id}/resend/"
    before = invitation(cast.maya).digest
    cast.tomas.client().post(path)
    assert invitation(cast.maya).digest == before


def test_no_other_field_of_a_request_is_looked_at(cast: Cast, workers: Workers, mailoutbox: list[EmailMessage]) -> None:
    more = {"organization": str(cast.borealis.id), "organization_id": str(cast.borealis.id), "custom_role": "x"}
    invite(cast.tomas, **more, accepted_at="2026-01-01", invited_by=str(cast.maya.membership.id))
    row = invitation(cast.maya)
    assert (row.organization_id, row.invited_by_id) == (cast.halden.id, cast.tomas.membership.id)
    assert row.accepted_at is None
    nora = account(NEW)
    [link] = links(workers, mailoutbox)
    signed_in(nora).post(link, {**more, "role": "owner", "user": str(cast.maya.user.id)})
    found = membership(cast.maya, nora)
    assert found is not None
    assert (found.role, found.custom_role_id) == (Role.MEMBER, None)
    assert membership(cast.ines, nora) is None


def test_a_mail_that_could_not_be_sent_is_sent_later(
    cast: Cast, workers: Workers, mailoutbox: list[EmailMessage], monkeypatch: pytest.MonkeyPatch
) -> None:
    invite(cast.tomas)
    with monkeypatch.context() as broken:
        broken.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", _fail)
        workers.jobs()
    assert invitation(cast.maya).sent_at is None
    with tenant(cast.halden.id):
        Job.objects.update(not_before=db_now())
    [link] = links(workers, mailoutbox)
    assert invitation(cast.maya).sent_at is not None
    assert Client().get(link).status_code == HTTPStatus.OK


def _fail(*_arguments: object) -> int:
    raise ConnectionRefusedError


@pytest.mark.parametrize("_round", range(3))
def test_two_tabs_at_once_make_one_membership(
    cast: Cast, workers: Workers, mailoutbox: list[EmailMessage], _round: int
) -> None:
    nora = account(NEW)
    invite(cast.tomas)
    [link] = links(workers, mailoutbox)
    secret = link.rstrip("/").rpartition("/")[2]

    def accept() -> None:
        invitation_accept(slug=cast.halden.slug, secret=secret, user=nora)

    raised = at_once(accept, accept)
    assert raised.count(None) == 1
    assert all(error is None or issubclass(error, JarvisError) for error in raised)
    with tenant(cast.halden.id):
        assert Membership.objects.filter(user=nora).count() == 1
