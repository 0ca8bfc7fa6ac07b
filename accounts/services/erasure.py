"""Erasing of a person in an organization.

At the request itself the membership ends and is handed to a nameless account, so that from then on nobody sees the
person and nobody can bring them back by mistake. A job deletes the rest kind by kind; broken off anywhere, it goes on
by deleting what is still there. Last, when the person belongs to no other organization, the account loses what made it
theirs.
"""

from collections import Counter
from uuid import UUID

from django.apps import apps
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from accounts import access
from accounts.contracts import Actor, JobState
from accounts.jobs import ERASE
from accounts.models import Membership, User
from accounts.models.data_rights import Erasure
from accounts.selectors.data import UNFINISHED, belongs_anywhere
from accounts.services.members import member_leave, member_remove
from accounts.services.turns import turn_take
from jarvis_site.audit import record
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.data_rights import Kind, Subject, kinds
from jarvis_site.kernel.errors import NotFound, Unavailable
from jarvis_site.kernel.ids import uuid7
from jarvis_site.kernel.models import Job
from jarvis_site.kernel.tenancy import all_tenants, tenant

# RFC 2606: no mail can ever arrive there.
NOWHERE = "erased.invalid"
# What was on its way when the work began may write something behind it; more rounds mean that something writes on.
MOST_ROUNDS = 5
ALMOST = 99
# Global tables whose rows belong to one account. `tests/accounts` compares them with what points at the account.
OF_ACCOUNT = {
    "account.EmailAddress": "user",
    "mfa.Authenticator": "user",
    "usersessions.UserSession": "user",
    "accounts.KnownDevice": "user",
    "socialaccount.SocialAccount": "user",
    "accounts.User_groups": "user",
    "accounts.User_user_permissions": "user",
}


# Asking -----------------------------------------------------------------------------------------------------------


@transaction.atomic
def erasure_request(*, actor: Actor, member_id: UUID) -> Erasure:
    """Have a person erased: oneself, which is leaving, or by who may. Asking again has a failed attempt go on.

    Raises:
        MayNot, AboveYou. NotFound: there is no such person, present or former. LastOwner.
    """
    own = member_id == actor.member_id
    turn_take(actor=actor, action=None if own else access.DATA_ERASE)
    existing = Erasure.objects.filter(member_id=member_id).first()
    if existing is not None:
        return _again(existing)
    membership = Membership.objects.filter(id=member_id, user__is_service=False).first()
    if membership is None:
        raise NotFound
    if own:
        member_leave(actor=actor)
    elif membership.left_at is None:
        member_remove(actor=actor, member_id=member_id)
    erasure = Erasure.objects.create(
        member_id=member_id, requested_by_id=actor.member_id, account_id=membership.user_id
    )
    Membership.objects.filter(id=member_id).update(user=_nobody(), external_id="")
    record(action="erasure.requested", resource=erasure, details={"member": str(member_id), "own": own})
    ERASE.enqueue(erasure_id=erasure.id)
    return erasure


def _again(erasure: Erasure) -> Erasure:
    if Erasure.objects.filter(id=erasure.id, state=JobState.FAILED).update(state=JobState.WAITING):
        record(action="erasure.retried", resource=erasure)
        ERASE.enqueue(erasure_id=erasure.id)
    return erasure


def _nobody() -> User:
    """An account that nobody can use, to which the membership belongs from now on."""
    user = User(email=_nameless_address(), name=_("Former member"), is_active=False)
    user.set_unusable_password()
    user.save()
    return user


def _nameless_address() -> str:
    return f"former-{uuid7()}@{NOWHERE}"


# Doing ------------------------------------------------------------------------------------------------------------


def erasure_carry_out(*, erasure_id: UUID) -> None:
    """Delete what there is about the person, then close. May be broken off and called again at any time.

    Raises:
        Unavailable: something goes on writing; the job tries again later.
    """
    Erasure.objects.filter(id=erasure_id, state=JobState.WAITING).update(state=JobState.RUNNING)
    erasure = Erasure.objects.filter(id=erasure_id, state=JobState.RUNNING).first()
    if erasure is None or erasure.account_id is None:
        return
    account = User.objects.get(id=erasure.account_id)
    subject = Subject(member_id=erasure.member_id, account_id=account.id, address=account.email)
    for kind in kinds():
        if kind.stop is not None:
            kind.stop(subject.member_id)
    gone: Counter[str] = Counter()
    progress = _Progress(erasure, total=_total(subject))
    for _round in range(MOST_ROUNDS):
        before = gone.total()
        for kind in reversed(kinds()):  # who writes about others stands above them
            gone[kind.name] += _erase(kind, subject, progress)
        if gone.total() == before:
            _finish(erasure, gone)
            return
    raise Unavailable


def _total(subject: Subject) -> int:
    """About how many rows there are."""
    tables = [kind.tables[0] for kind in kinds() if kind.erase and kind.tables and kind.tables[0].person]
    return sum(table.rows(subject.member_id).count() for table in tables)


class _Progress:
    """Whole percent in the row, from where an attempt before this one came to."""

    def __init__(self, erasure: Erasure, *, total: int) -> None:
        self._row = Erasure.objects.filter(id=erasure.id)
        self._first, self._total, self._done = erasure.progress, max(total, 1), 0

    def advance(self, rows: int) -> None:
        self._done += rows
        self._row.update(progress=min(ALMOST, self._first + (ALMOST - self._first) * self._done // self._total))


def _erase(kind: Kind, subject: Subject, progress: _Progress) -> int:
    gone = 0
    for rows in kind.erase(subject) if kind.erase else ():
        gone += rows
        progress.advance(rows)
    return gone


@transaction.atomic
def _finish(erasure: Erasure, gone: Counter[str]) -> None:
    """Close, once. The rows counted are those of the last attempt."""
    locked = Erasure.objects.select_for_update(of=("self",)).get(id=erasure.id)
    if locked.state != JobState.RUNNING or locked.account_id is None:
        return
    account_closed = _close_account(locked.account_id)
    Erasure.objects.filter(id=erasure.id).update(
        state=JobState.DONE, progress=100, finished_at=db_now(), account_id=None
    )
    details = {
        "member": str(erasure.member_id),
        "rows": {name: count for name, count in gone.items() if count},
        "account_closed": account_closed,
    }
    record(action="erasure.finished", resource=erasure, details=details)


def _close_account(account_id: UUID) -> bool:
    """Take everything from an account that made it somebody's, unless it is still used: in another organization, or by
    an operator of the site. Returns whether it was taken."""
    user = User.objects.select_for_update().get(id=account_id)
    if user.is_staff or user.is_superuser or belongs_anywhere(account_id=account_id):
        return False
    _delete_of_account(user)
    user.email, user.name = _nameless_address(), _("Former member")
    user.timezone, user.theme, user.high_contrast = "UTC", User.Theme.SYSTEM, False
    user.is_active, user.last_login = False, None
    user.set_unusable_password()  # which also ends every session
    user.save()
    return True


def _delete_of_account(user: User) -> None:
    installed = {model._meta.label: model for model in apps.get_models(include_auto_created=True)}
    if sessions := installed.get("usersessions.UserSession"):
        keys = sessions._default_manager.filter(user=user).values("session_key")
        Session.objects.filter(session_key__in=keys).delete()
    for label, field in OF_ACCOUNT.items():
        if model := installed.get(label):
            model._default_manager.filter(Q(**{field: user})).delete()


# Failures ---------------------------------------------------------------------------------------------------------


def erasures_recover() -> int:
    """Say of erasures that no job works on any more that they failed: who may can have them go on."""
    with all_tenants():
        open_ones = list(Erasure.objects.filter(state__in=UNFINISHED).values_list("id", "organization_id"))
    return sum(_recover(erasure_id, organization_id) for erasure_id, organization_id in open_ones)


@transaction.atomic
def _recover(erasure_id: UUID, organization_id: UUID) -> bool:
    with tenant(organization_id):
        mine = Erasure.objects.select_for_update(of=("self",)).filter(id=erasure_id, state__in=UNFINISHED)
        jobs = Job.objects.filter(name=ERASE.name, arguments__erasure_id=str(erasure_id), dead_at=None)
        erasure = mine.first()
        if erasure is None or jobs.exists():
            return False
        mine.update(state=JobState.FAILED)
        record(action="erasure.failed", resource=erasure)
        return True
