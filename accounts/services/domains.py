"""E-mail domains of an organization: shown to be its own by a DNS record, and then a way in for their people."""

import secrets
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import dns.exception
import dns.name
import dns.resolver
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from accounts import access
from accounts.contracts import Actor, JoinMode
from accounts.errors import AlreadyAsked, AlreadyMember, BadDomain, DomainTaken, NotOffered
from accounts.events import DomainLapsed, DomainRecordBack, DomainRecordMissing, JoinAnswered, JoinAsked
from accounts.jobs import DOMAIN_CHECK, DOMAIN_LOOK
from accounts.models import EmailDomain, JoinRequest, Membership, Organization, User
from accounts.models.joining import DOMAIN_GRACE
from accounts.selectors.domains import Offer, domain_get, offers_for
from accounts.services.members import member_add
from accounts.services.notices import let_in_notice
from accounts.services.sso import written_down
from accounts.services.turns import turn_take
from jarvis_site.audit import record
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.errors import NotFound, Unavailable
from jarvis_site.kernel.events import publish
from jarvis_site.kernel.models import Job
from jarvis_site.kernel.tenancy import all_tenants, tenant

RECORD_PREFIX = "jarvis-verify="
TOKEN_BYTES = 20
# For one look-up with all its repetitions; a job waits, not a person.
LOOK_UP_SECONDS = 8.0
DNS_PORT = 53
# Often enough to notice within the grace, and seldom enough to be no burden to anybody's name server.
LOOK_EVERY = timedelta(days=1)
# Of one tick, of which there are many a day: a queue of look-ups must not hold up other work for long.
BATCH = 100


@transaction.atomic
def domain_add(*, actor: Actor, domain: str, join: JoinMode = JoinMode.REQUEST) -> EmailDomain:
    """Claim a domain; nothing follows from it until its DNS record was seen.

    Raises:
        MayNot. BadDomain: no name that could have mail addresses. DomainTaken: claimed by this organization before.
    """
    turn_take(actor=actor, action=access.SETTINGS_MANAGE)
    name = domain_name(domain)
    if EmailDomain.objects.filter(domain=name).exists():
        raise DomainTaken
    row = EmailDomain.objects.create(domain=name, join=join, token=secrets.token_hex(TOKEN_BYTES))
    record(action="domain.added", resource=row, details={"join": join.value}, words={"domain": name})
    return row


@transaction.atomic
def domain_check_ask(*, actor: Actor, domain_id: UUID) -> None:
    """Have a job look for the DNS record. Raises `MayNot`, `NotFound`."""
    turn_take(actor=actor, action=access.SETTINGS_MANAGE)
    row = domain_get(domain_id=domain_id)
    row.problem = ""
    row.checked_at = None
    row.save(update_fields=["problem", "checked_at"])
    DOMAIN_CHECK.enqueue(domain_id=row.id)


@transaction.atomic
def domain_join_set(*, actor: Actor, domain_id: UUID, join: JoinMode) -> None:
    """Say what people with an address of the domain may do. Raises `MayNot`, `NotFound`."""
    turn_take(actor=actor, action=access.SETTINGS_MANAGE)
    row = domain_get(domain_id=domain_id)
    before, row.join = row.join, join
    row.save(update_fields=["join"])
    record(action="domain.changed", resource=row, details={"before": before, "after": join.value})


@transaction.atomic
def domain_remove(*, actor: Actor, domain_id: UUID) -> None:
    """Give a domain up; who has joined through it stays. Raises `MayNot`, `NotFound`."""
    turn_take(actor=actor, action=access.SETTINGS_MANAGE)
    row = domain_get(domain_id=domain_id)
    record(action="domain.removed", resource=row, words={"domain": row.domain})
    row.delete()
    written_down()


def domain_check(*, domain_id: UUID) -> None:
    """Look for the DNS record and note what was found. The look-up holds no transaction.

    Raises:
        Unavailable: no name server answers; trying again can help.
    """
    row = EmailDomain.objects.filter(id=domain_id).first()
    if row is None:
        return
    try:
        texts = text_records(row.domain)
    except dns.exception.DNSException as error:
        _note(row, _silence(row))
        raise Unavailable from error
    if f"{RECORD_PREFIX}{row.token}" in texts:
        _note_found(row)
    else:
        _note_missing(row)


def domain_look_again(*, domain_id: UUID) -> None:
    """See whether the record of a domain that was verified is still there, or there again.

    That no name server answers says nothing about the record, and is left for the next day. It opens nothing to others
    meanwhile: mail does not reach such a domain either, so nobody can confirm an address of it.
    """
    with suppress(Unavailable):
        domain_check(domain_id=domain_id)


def domains_look_again() -> int:
    """Have every domain looked up whose last look-up was a day ago, in all organizations. Returns how many."""
    with all_tenants():
        known = EmailDomain.objects.exclude(verified_at=None, lapsed_at=None)
        due = known.filter(Q(checked_at=None) | Q(checked_at__lt=db_now(plus=-LOOK_EVERY)))
        rows = list(due.order_by("checked_at").values_list("id", "organization_id")[:BATCH])
    started = 0
    for domain_id, organization_id in rows:
        with tenant(organization_id):
            started += _have_looked_up(domain_id)
    return started


@transaction.atomic
def _have_looked_up(domain_id: UUID) -> bool:
    if Job.objects.filter(name=DOMAIN_LOOK.name, arguments__domain_id=str(domain_id), dead_at=None).exists():
        return False
    DOMAIN_LOOK.enqueue(domain_id=domain_id)
    return True


def text_records(domain: str) -> set[str]:
    """The TXT records of a domain; none when there is no such domain. Raises `DNSException` when nobody answers."""
    resolver = _resolver()
    try:
        answer = resolver.resolve(dns.name.from_text(domain), "TXT", search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return set()
    return {b"".join(record.strings).decode("utf-8", "replace").strip() for record in answer}


def joined_by_domain(*, user: User, email: str) -> list[Organization]:
    """Let the person whose address was just confirmed into the organizations that want it so. Returns which."""
    offers = [offer for offer in offers_for(user=user, email=email) if offer.join is JoinMode.AUTOMATIC]
    joined = []
    for offer in offers:
        with suppress(AlreadyMember):  # by another way at the same moment
            member_add(organization=offer.organization, user=user, how="domain")
            joined.append(offer.organization)
    return joined


@transaction.atomic
def domain_join(*, user: User, organization_id: UUID) -> Membership:
    """Join an organization that lets everybody of the domain in. Raises `NotOffered`."""
    offer = _offer(user, organization_id, JoinMode.AUTOMATIC)
    return member_add(organization=offer.organization, user=user, how="domain")


@transaction.atomic
def join_request(*, user: User, organization_id: UUID) -> JoinRequest:
    """Ask to be let in.

    Raises:
        NotOffered: the organization does not take requests from addresses like the person's. AlreadyAsked.
    """
    offer = _offer(user, organization_id, JoinMode.REQUEST)
    with tenant(organization_id):
        turn_take(actor=None)
        if JoinRequest.objects.filter(user_id=user.id, decided_at=None).exists():
            raise AlreadyAsked
        request = JoinRequest.objects.create(user_id=user.id, email=offer.email, name=user.name)
        record(action="join.requested", resource=request, words={"email": offer.email})
        publish(JoinAsked(request_id=request.id))
        return request


@transaction.atomic
def join_request_answer(*, actor: Actor, request_id: UUID, accept: bool) -> None:
    """Let somebody in who asked, as a member, or not. Only who was let in is told so.

    Raises:
        MayNot. NotFound: no such request that waits. AlreadyMember, MemberSuspended.
    """
    turn_take(actor=actor, action=access.MEMBERS_INVITE)
    request = JoinRequest.objects.filter(id=request_id, decided_at=None).first()
    if request is None:
        raise NotFound
    request.decided_at, request.decided_by_id, request.accepted = db_now(), actor.member_id, accept
    request.save(update_fields=["decided_at", "decided_by", "accepted"])
    record(action="join.accepted" if accept else "join.declined", resource=request, words={"email": request.email})
    publish(JoinAnswered(request_id=request.id))
    if accept:
        organization = Organization.objects.get(id=actor.organization_id)
        member_add(organization=organization, user=User.objects.get(id=request.user_id), how="request")
        let_in_notice(organization=organization, email=request.email)


def domain_name(text: str) -> str:
    """A domain as it is stored: small letters, punycode, no dot at the end. Raises `BadDomain`."""
    cleaned = text.strip().removeprefix("@").rstrip(".").lower()
    try:
        name = dns.name.from_text(cleaned, idna_codec=dns.name.IDNA_2003).to_text(omit_final_dot=True)
    except dns.exception.DNSException as error:
        raise BadDomain from error
    labels = name.split(".")
    plain = all(label and label.replace("-", "").isalnum() and label.isascii() for label in labels)
    if len(labels) < 2 or not plain or labels[-1].isdigit():  # noqa: PLR2004 - a name and its top-level domain
        raise BadDomain
    return name


def _resolver() -> dns.resolver.Resolver:
    if not settings.DNS_SERVERS:
        resolver = dns.resolver.Resolver()
    else:
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = [_server(text) for text in settings.DNS_SERVERS]
    resolver.lifetime = LOOK_UP_SECONDS
    return resolver


def _server(text: str) -> dns.nameserver.Nameserver:
    host, _colon, port = text.rpartition(":") if text.count(":") == 1 else (text, "", "")
    return dns.nameserver.Do53Nameserver(host, int(port) if port else DNS_PORT)


def _silence(row: EmailDomain) -> str:
    if row.verified_at or row.lapsed_at:
        return _("No name server answers for this domain. That alone closes nothing; we look again every day.")
    return _("No name server answers for this domain. It is tried again for a minute; then ask again.")


def _note(row: EmailDomain, problem: str) -> None:
    EmailDomain.objects.filter(id=row.id).update(checked_at=db_now(), problem=problem)


@transaction.atomic
def _note_found(row: EmailDomain) -> None:
    turn_take(actor=None)
    found = EmailDomain.objects.filter(id=row.id, token=row.token)
    before = found.first()
    if before is None:
        return
    found.update(checked_at=db_now(), problem="", missing_since=None, lapsed_at=None)
    if before.missing_since is not None:
        publish(DomainRecordBack(domain_id=row.id, since=before.missing_since.isoformat()))
    if found.filter(verified_at=None).update(verified_at=db_now()):
        written_down()
        again = before.lapsed_at is not None
        record(action="domain.verified", resource=row, details={"again": again}, words={"domain": row.domain})


@transaction.atomic
def _note_missing(row: EmailDomain) -> None:
    """Note that the record is not there; one miss closes nothing, a grace of them does."""
    turn_take(actor=None)
    _note(row, _("The record was not found. New records can take an hour or more to be seen everywhere."))
    known = EmailDomain.objects.filter(id=row.id, verified_at__isnull=False)
    if known.filter(missing_since=None).update(missing_since=db_now()):
        record(action="domain.record_missing", resource=row, words={"domain": row.domain})
        publish(DomainRecordMissing(domain_id=row.id, domain=row.domain, since=_since(row)))
    elif known.filter(missing_since__lte=db_now(plus=-DOMAIN_GRACE)).update(verified_at=None, lapsed_at=db_now()):
        written_down()
        record(action="domain.lapsed", resource=row, words={"domain": row.domain})
        publish(DomainLapsed(domain_id=row.id, domain=row.domain, since=_since(row)))


def _since(row: EmailDomain) -> str:
    since = EmailDomain.objects.values_list("missing_since", flat=True).get(id=row.id)
    return since.isoformat() if since else ""


def _offer(user: User, organization_id: UUID, join: JoinMode) -> Offer:
    found = [offer for offer in offers_for(user=user) if offer.organization.id == organization_id]
    if not found or found[0].join is not join:
        raise NotOffered
    return found[0]
