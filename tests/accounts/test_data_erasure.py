"""Erasing a person: what goes, what stays, and that no crash stops it halfway."""

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.sessions.models import Session
from django.core.serializers.json import DjangoJSONEncoder
from django.db import DatabaseError, connections, transaction
from django.db.utils import ProgrammingError
from django.test import Client

from accounts.contracts import JobState, Role
from accounts.models import Erasure, Membership, User
from accounts.services import erasure as erasures
from accounts.services.organizations import member_add
from accounts.services.service_accounts import service_account_create
from agents.contracts import RunState
from agents.models import Plan, Run, RunEvent
from agents.servers.mail.models import Contact
from chat.models import Conversation
from chat.services.conversations import conversation_start
from jarvis_site.audit.models import AuditEvent, AuditKey
from jarvis_site.audit.selectors import with_words
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.errors import NotFound
from jarvis_site.kernel.models import Job
from jarvis_site.kernel.tenancy import tenant
from jarvis_site.kernel.tenancy.models import TenantModel
from notifications.contracts import Matter
from notifications.services import notify
from tests.accounts.data import *  # noqa: F403 - a fixture
from tests.accounts.data import leases_over, page, recorded
from tests.accounts.signing import sign_in
from tests.agents.plans import RAJ, event, mail, start
from tests.agents.servers import mail_calls
from tests.cast import Cast, Person
from tests.engine import Workers
from tests.faults.crash import in_child, lines_of
from tests.isolation.seeds import CANARY, COMMON, SHARED, tenant_models
from tests.isolation.world import World, world_planted

pytestmark = pytest.mark.django_db(transaction=True)

KILLS = 12
# The record holds no texts but those that the test has planted; work that is done has no person, nor have the numbers
# that a call under way has set aside.
STAYS = {"audit.AuditEvent", "audit.AuditLink", "kernel.Job", "agents.Reservation"}


def erase(by: Person, person: Person, **fields: str) -> Any:
    return by.client(proven=True).post(page(by, f"erase/{person.membership.id}/"), {"address": person.email, **fields})


def the_erasure(person: Person) -> Erasure:
    with tenant(person.organization.id):
        return Erasure.objects.get(member_id=person.membership.id)


def texts_of(model: type[TenantModel]) -> str:
    return "".join(json.dumps(row, cls=DjangoJSONEncoder) for row in model.objects.values())


def record_of(person: Person) -> list[dict[str, Any]]:
    with tenant(person.organization.id):
        return list(AuditEvent.objects.order_by("id").values())


def owner_too(person: Person) -> None:
    with tenant(person.organization.id):
        Membership.objects.filter(id=person.membership.id).update(role=Role.OWNER)


@pytest.fixture
def world(cast: Cast, workers: Workers) -> World:
    """Maya has a row in every table; there is another owner."""
    found = world_planted(cast, workers)
    owner_too(cast.tomas)
    with tenant(cast.halden.id):
        Erasure.objects.all().delete()  # planted: she would be erased already
        AuditKey.objects.filter(id=found.planted["audit.AuditKey"]).update(member_id=cast.maya.membership.id)
    return found


# What goes and what stays -------------------------------------------------------------------------------------------


@pytest.mark.timeout(300)
def test_of_a_person_with_a_row_in_every_table_nothing_stays(cast: Cast, world: World, workers: Workers) -> None:
    before = record_of(cast.maya)
    assert erase(cast.tomas, cast.maya).headers["Location"] == page(cast.tomas)
    workers.drain()
    assert the_erasure(cast.maya).state == JobState.DONE
    with tenant(cast.halden.id):
        left = {model._meta.label for model in tenant_models() if CANARY in texts_of(model)}
        named = {
            model._meta.label
            for model in tenant_models()
            for word in (cast.maya.email, cast.maya.user.name)
            if word in texts_of(model)
        }
        runs = (Run.objects.count(), Plan.objects.count(), RunEvent.objects.count())
    assert left <= STAYS, left
    assert named == set()
    assert runs == (0, 0, 0)
    assert record_of(cast.maya)[: len(before)] == before, "no row of the record was changed or taken"


@pytest.mark.timeout(300)
def test_what_belongs_to_the_organization_stays(cast: Cast, world: World, workers: Workers) -> None:
    erase(cast.tomas, cast.maya)
    workers.drain()
    assert the_erasure(cast.maya).state == JobState.DONE
    hers = {"Identity", "Invitation", "JoinRequest", "MemberSession", "TeamMember"}
    with tenant(cast.halden.id):
        here = {model._meta.label for model in tenant_models() if COMMON in texts_of(model)}
    assert here >= SHARED - {f"accounts.{name}" for name in hers | {"Membership"}}


def test_the_membership_stays_as_a_former_member(cast: Cast, workers: Workers) -> None:
    erase(cast.maya, cast.priya)
    with tenant(cast.halden.id):
        former = Membership.objects.select_related("user").get(id=cast.priya.membership.id)
    assert former.left_at is not None, "at once, not when the job comes to it"
    assert (str(former.user), former.user.is_active) == ("Former member", False)
    assert former.user.email.endswith("@erased.invalid")
    workers.drain()
    assert "Priya" not in cast.maya.client().get(page(cast.maya)).content.decode()
    assert "Priya" not in cast.maya.client().get(page(cast.maya, "people/")).content.decode()


def test_the_account_is_emptied_when_it_was_the_last_organization(cast: Cast, workers: Workers) -> None:
    user = cast.priya.user
    theirs = Client()
    sign_in(theirs, cast.priya.email)
    EmailAddress.objects.create(user=user, email="priya.private@example.com", verified=True)
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "x"})
    erase(cast.maya, cast.priya)
    workers.drain()
    user.refresh_from_db()
    assert (user.name, user.is_active, user.has_usable_password()) == ("Former member", False, False)
    assert "priya" not in user.email
    assert not EmailAddress.objects.filter(user=user).exists()
    assert not Authenticator.objects.filter(user=user).exists()
    assert not Session.objects.filter(session_key=theirs.session.session_key).exists()
    assert theirs.get("/organizations/new/").status_code == HTTPStatus.FOUND
    again = Client()
    sign_in(again, "priya@halden.example")
    assert again.get("/organizations/new/").headers["Location"].startswith("/account/login/")


def test_elsewhere_the_person_stays_who_they_are(cast: Cast, workers: Workers) -> None:
    member_add(organization=cast.borealis, user=cast.priya.user)
    erase(cast.maya, cast.priya)
    workers.drain()
    user = User.objects.get(id=cast.priya.user.id)
    assert (user.name, user.email, user.is_active) == ("Priya Raman", "priya@halden.example", True)
    with tenant(cast.borealis.id):
        assert Membership.objects.get(user=user).left_at is None
    with tenant(cast.halden.id):
        assert Membership.objects.get(id=cast.priya.membership.id).user_id != user.id
    # Somebody who comes back is somebody new.
    member_add(organization=cast.halden, user=user)
    with tenant(cast.halden.id):
        assert Membership.objects.get(user=user).id != cast.priya.membership.id


def test_an_operator_of_the_site_keeps_the_account(cast: Cast, workers: Workers) -> None:
    User.objects.using("platform").filter(id=cast.priya.user.id).update(is_staff=True, is_superuser=True)
    erase(cast.maya, cast.priya)
    workers.drain()
    assert User.objects.get(id=cast.priya.user.id).name == "Priya Raman"


def test_the_record_says_who_was_erased_by_id_alone(cast: Cast, workers: Workers) -> None:
    erase(cast.maya, cast.priya)
    workers.drain()
    with tenant(cast.halden.id):
        asked, finished = AuditEvent.objects.filter(action__startswith="erasure.").order_by("id")
        assert (asked.action, finished.action) == ("erasure.requested", "erasure.finished")
        assert asked.member_id == cast.maya.membership.id
        assert asked.details["member"] == finished.details["member"] == str(cast.priya.membership.id)


def test_what_runs_is_stopped_first(cast: Cast, workers: Workers) -> None:
    run = start(cast.priya, event("1"), mail("2", needs=("1",)))
    workers.drain()
    with tenant(cast.halden.id):
        assert Run.objects.get(id=run.id).state == RunState.WAITING
    erase(cast.maya, cast.priya)
    workers.drain()
    with tenant(cast.halden.id):
        assert not Run.objects.filter(id=run.id).exists()
        assert not Job.objects.filter(dead_at__isnull=False).exists()


def test_words_of_others_in_which_the_address_stands_go_too(cast: Cast, workers: Workers) -> None:
    mail_calls.send(cast.maya, to=[cast.priya.email], subject="Hello", body="Hello")
    mail_calls.send(cast.maya, to=[RAJ], subject="Hello", body="Hello")
    erase(cast.maya, cast.priya)
    workers.drain()
    with tenant(cast.halden.id):
        sent = with_words(list(AuditEvent.objects.filter(action="mail.sent").order_by("id")))
        assert [words.get("to") for _row, words in sent] == [None, [RAJ]]
        assert list(Contact.objects.values_list("email", flat=True)) == [RAJ]


# Who may ------------------------------------------------------------------------------------------------------------


def test_only_owners_erase_others(cast: Cast) -> None:
    assert erase(cast.tomas, cast.priya).status_code == HTTPStatus.FORBIDDEN
    assert erase(cast.priya, cast.tomas).status_code == HTTPStatus.FORBIDDEN
    foreign = cast.ines.client(proven=True).post(
        page(cast.ines, f"erase/{cast.priya.membership.id}/"), {"address": "x"}
    )
    assert foreign.status_code == HTTPStatus.NOT_FOUND
    with tenant(cast.halden.id):
        assert not Erasure.objects.exists()


def test_everybody_may_go_and_take_themselves_along(cast: Cast, workers: Workers) -> None:
    with tenant(cast.halden.id, member=cast.priya.membership.id):
        conversation_start(actor=cast.priya.actor, text="hello")
    answer = erase(cast.priya, cast.priya)
    assert answer.headers["Location"] == "/"
    workers.drain()
    with tenant(cast.halden.id):
        assert not Conversation.objects.exists()
    assert recorded(cast.maya, "member.left") == ["member.left"]


def test_the_last_owner_cannot_be_erased(cast: Cast) -> None:
    client = cast.maya.client(proven=True)
    shown = client.get(page(cast.maya, f"erase/{cast.maya.membership.id}/")).content.decode()
    assert "only owner" in shown
    assert "This cannot be undone" not in shown
    assert erase(cast.maya, cast.maya).status_code == HTTPStatus.CONFLICT
    assert User.objects.get(id=cast.maya.user.id).is_active
    with tenant(cast.halden.id):
        assert not Erasure.objects.exists()


def test_it_has_to_be_meant(cast: Cast) -> None:
    client = cast.maya.client(proven=True)
    address = page(cast.maya, f"erase/{cast.priya.membership.id}/")
    shown = client.get(address).content.decode()
    assert "Conversations" in shown
    assert "Stays: it is the organization" in shown
    for wrong in ("", cast.maya.email):
        answer = client.post(address, {"address": wrong})
        assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    left_open = cast.maya.client().post(address, {"address": cast.priya.email})
    assert left_open.status_code in {HTTPStatus.FOUND, HTTPStatus.FORBIDDEN}
    with tenant(cast.halden.id):
        assert not Erasure.objects.exists()


def test_a_service_account_is_no_person(cast: Cast) -> None:
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        robot = service_account_create(actor=cast.maya.actor, name="Nightly import")
        with pytest.raises(NotFound):
            erasures.erasure_request(actor=cast.maya.actor, member_id=robot.id)
    client = cast.maya.client(proven=True)
    assert "Nightly import" not in client.get(page(cast.maya, "people/")).content.decode()
    assert client.get(page(cast.maya, f"erase/{robot.id}/")).status_code == HTTPStatus.NOT_FOUND


# Crashes ------------------------------------------------------------------------------------------------------------


def things_of(person: Person, workers: Workers) -> None:
    with tenant(person.organization.id, member=person.membership.id):
        conversation_start(actor=person.actor, text="hello")
        notify(member_id=person.membership.id, matter=Matter.REMINDERS, key="k", icon="bell", title="hello")
    start(person, event("1"), mail("2", needs=("1",)))
    workers.drain()


def newcomers(cast: Cast) -> Iterator[Person]:
    from accounts.selectors import actor_of, membership_get

    number = 0
    while True:
        number += 1
        user = User.objects.create_user(f"new{number}@halden.example", None, name=f"New {number}")
        member_add(organization=cast.halden, user=user)
        membership = membership_get(user=user, slug=cast.halden.slug)
        yield Person(user=user, membership=membership, actor=actor_of(membership), organization=cast.halden)


def ask_to_erase(cast: Cast, person: Person) -> None:
    with tenant(cast.halden.id, member=cast.maya.membership.id):
        erasures.erasure_request(actor=cast.maya.actor, member_id=person.membership.id)


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_a_worker_killed_anywhere_only_delays_it(cast: Cast, workers: Workers) -> None:
    people = newcomers(cast)
    first = next(people)
    things_of(first, workers)
    ask_to_erase(cast, first)
    parts = ("/accounts/services/erasure", "/agents/data_rights")
    every = [line for line in lines_of(workers.drain) if any(part in line[0] for part in parts)]
    assert the_erasure(first).state == JobState.DONE
    for line in every[:: max(len(every) // KILLS, 1)]:
        person = next(people)
        things_of(person, workers)
        ask_to_erase(cast, person)
        assert in_child(workers.drain, kill_at=line), line
        leases_over(cast.maya)
        in_child(workers.drain)
        erasure = the_erasure(person)
        assert (erasure.state, erasure.progress, erasure.account_id) == (JobState.DONE, 100, None), line
        assert not User.objects.get(id=person.user.id).is_active
    with tenant(cast.halden.id):
        assert not Conversation.objects.exists()
        assert not Run.objects.exists()
        finished = AuditEvent.objects.filter(action="erasure.finished").values_list("resource_id", flat=True)
        assert len(finished) == len(set(finished)) == Erasure.objects.count()


def test_asking_again_changes_nothing_and_a_failed_one_goes_on(cast: Cast, workers: Workers) -> None:
    ask_to_erase(cast, cast.priya)
    ask_to_erase(cast, cast.priya)
    with tenant(cast.halden.id):
        Job.objects.filter(name="accounts.erase").update(dead_at=db_now())
    assert erasures.erasures_recover() == 1
    assert the_erasure(cast.priya).state == JobState.FAILED
    client = cast.maya.client(proven=True)
    assert "It failed: go on" in client.get(page(cast.maya)).content.decode()
    client.post(page(cast.maya, f"erase/{cast.priya.membership.id}/again/"))
    workers.drain()
    assert the_erasure(cast.priya).state == JobState.DONE
    ask_to_erase(cast, cast.priya)
    workers.drain()
    assert recorded(cast.maya, "erasure.").count("erasure.finished") == 1


def test_somebody_erased_cannot_be_let_in_again_by_mistake(cast: Cast, workers: Workers) -> None:
    ask_to_erase(cast, cast.priya)
    member_add(organization=cast.halden, user=cast.priya.user)
    workers.drain()
    with tenant(cast.halden.id):
        assert Membership.objects.get(id=cast.priya.membership.id).left_at is not None
        assert Membership.objects.get(user=cast.priya.user).left_at is None
    assert User.objects.get(id=cast.priya.user.id).name == "Priya Raman", "the account is used"


# The record stays what it is ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("alias", ["default", "platform"])
@pytest.mark.parametrize("table", ["agents_runevent", "agents_plan", "audit_auditevent", "audit_auditlink"])
@pytest.mark.parametrize("act", ["DELETE FROM {}", "UPDATE {} SET organization_id = organization_id", "TRUNCATE {}"])
def test_neither_role_changes_or_deletes_what_is_append_only(cast: Cast, alias: str, table: str, act: str) -> None:
    with (
        tenant(cast.halden.id),
        connections[alias].cursor() as cursor,
        pytest.raises(ProgrammingError, match="permission denied"),
    ):
        cursor.execute(act.format(table))


def test_the_application_cannot_delete_a_run_and_its_history_with_it(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, event("1"))
    workers.drain()
    with tenant(cast.halden.id):
        for act in ("DELETE FROM agents_run", "UPDATE agents_run SET id = gen_random_uuid()"):
            refused = pytest.raises(DatabaseError, match=r"permission denied|violates foreign key")
            with refused, transaction.atomic(), connections["default"].cursor() as cursor:
                cursor.execute(act)
        assert RunEvent.objects.filter(run_id=run.id).exists()


@pytest.mark.timeout(300)
def test_rows_of_the_record_hold_no_names_addresses_or_texts(cast: Cast, world: World) -> None:
    """All that the world did, read as whoever keeps the record for ever."""
    with tenant(cast.halden.id):
        planted = world.planted["audit.AuditEvent"]
        record = json.dumps(list(AuditEvent.objects.exclude(id=planted).values()), cls=DjangoJSONEncoder)
    told = [word for word in (CANARY, COMMON, "@", "Maya", "Raj", "Priya", "plans.txt") if word in record]
    assert told == []
