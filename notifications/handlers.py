"""What people are told about."""

from uuid import UUID

from django.utils.translation import gettext as _

from accounts import access
from accounts.events import (
    DomainLapsed,
    DomainRecordBack,
    DomainRecordMissing,
    ExportFinished,
    JoinAnswered,
    JoinAsked,
)
from accounts.selectors.invitations import requests_waiting
from accounts.selectors.members import members_who_may
from jarvis_site.kernel.events import on
from notifications.contracts import Matter
from notifications.services import notify, settle
from permissions.events import ConsentAsked, ConsentDecided, ConsentWithdrawn, GrantIdle, GrantSuspended
from permissions.selectors import grant_of, title_waiting


@on(ConsentAsked)
def approval_waits(event: ConsentAsked) -> None:
    if (title := title_waiting(consent_id=event.consent_id, member_id=event.member_id)) is not None:
        notify(
            member_id=event.member_id,
            matter=Matter.APPROVALS,
            key=f"consent:{event.consent_id}",
            icon="approve",
            title=_("Waiting for your approval"),
            body=title,
            link=f"approvals/{event.consent_id}/",
        )


@on(ConsentDecided)
def approval_settled(event: ConsentDecided) -> None:
    settle(key=f"consent:{event.consent_id}")


@on(ConsentWithdrawn)
def approval_withdrawn(event: ConsentWithdrawn) -> None:
    settle(key=f"consent:{event.consent_id}")


@on(GrantIdle)
def permission_idle(event: GrantIdle) -> None:
    _tell_of_permission(
        event.grant_id,
        when="noticed_at",
        title=_("A standing permission will fall asleep"),
        body=_("Nobody has used it for long. Without a use it asks again in a week: %(title)s"),
    )


@on(GrantSuspended)
def permission_asleep(event: GrantSuspended) -> None:
    _tell_of_permission(
        event.grant_id,
        when="suspended_at",
        title=_("A standing permission is asleep"),
        body=_("Such calls ask again, until you wake it: %(title)s"),
    )


def _tell_of_permission(grant_id: UUID, *, when: str, title: str, body: str) -> None:
    """Once for each time that it happened, unless it is over by now."""
    grant = grant_of(grant_id=grant_id)
    if grant is None or (happened := getattr(grant, when)) is None:
        return
    notify(
        member_id=grant.member_id,
        matter=Matter.APPROVALS,
        key=f"grant-{when}:{grant_id}:{happened:%Y-%m-%d}",
        icon="approve",
        title=title,
        body=body % {"title": grant.title},
        link="settings/grants/",
    )


@on(ExportFinished)
def copy_ready(event: ExportFinished) -> None:
    notify(
        member_id=event.member_id,
        matter=Matter.COPIES,
        key=f"export:{event.export_id}",
        icon="download",
        title=_("The copy of the data is ready"),
        body=_("It can be downloaded for seven days."),
        link="settings/data/",
    )


@on(JoinAsked)
def somebody_asks_to_join(event: JoinAsked) -> None:
    """No name and no address: they stay where the erasure of a person finds them."""
    if not requests_waiting().filter(id=event.request_id).exists():
        return  # answered meanwhile
    for member_id in members_who_may(access.MEMBERS_INVITE):
        notify(
            member_id=member_id,
            matter=Matter.JOINING,
            key=f"join:{event.request_id}",
            icon="user",
            title=_("Somebody asks to join"),
            body=_("Let them in, or decline."),
            link="settings/invitations/",
        )


@on(JoinAnswered)
def join_answered(event: JoinAnswered) -> None:
    settle(key=f"join:{event.request_id}")


@on(DomainRecordMissing)
def domain_record_missing(event: DomainRecordMissing) -> None:
    _warn_of_domain(
        key=_missing(event.domain_id, event.since),
        title=_("The DNS record of %(domain)s is gone") % {"domain": event.domain},
        body=_("If it does not come back within a week, nobody gets in through this domain any more."),
    )


@on(DomainLapsed)
def domain_lapsed(event: DomainLapsed) -> None:
    settle(key=_missing(event.domain_id, event.since))
    _warn_of_domain(
        key=_lapsed(event.domain_id, event.since),
        title=_("%(domain)s does not open the organization any more") % {"domain": event.domain},
        body=_("Its DNS record was gone for a week. Members stay members. Add the record again to undo this."),
    )


@on(DomainRecordBack)
def domain_record_back(event: DomainRecordBack) -> None:
    settle(key=_missing(event.domain_id, event.since))
    settle(key=_lapsed(event.domain_id, event.since))


def _warn_of_domain(*, key: str, title: str, body: str) -> None:
    for member_id in members_who_may(access.SETTINGS_MANAGE):
        notify(
            member_id=member_id,
            matter=Matter.DOMAINS,
            key=key,
            icon="alert",
            title=title,
            body=body,
            link="settings/domains/",
        )


def _missing(domain_id: UUID, since: str) -> str:
    return f"domain-missing:{domain_id}:{since}"


def _lapsed(domain_id: UUID, since: str) -> str:
    return f"domain-lapsed:{domain_id}:{since}"
