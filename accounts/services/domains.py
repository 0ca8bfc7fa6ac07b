"""E-mail domains of an organization: shown to be its own by a DNS record, and then a way in for their people."""

import secrets
from contextlib import suppress
from uuid import UUID

import dns.exception
import dns.name
import dns.resolver
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import access
from accounts.contracts import Actor, JoinMode
from accounts.errors import AlreadyAsked, AlreadyMember, BadDomain, DomainTaken, NotOffered
from accounts.jobs import DOMAIN_CHECK
from accounts.models import EmailDomain, JoinRequest, Membership, Organization, User
from accounts.selectors.domains import Offer, offers_for
from accounts.services.members import member_add
from accounts.services.sso import written_down
from accounts.services.turns import turn_take
from jarvis_site.audit import record
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.errors import NotFound, Unavailable
from jarvis_site.kernel.tenancy import tenant

RECORD_PREFIX = "jarvis-verify="
TOKEN_BYTES = 20
# For one look-up with all its repetitions; a job waits, not a person.
LOOK_UP_SECONDS = 8.0
DNS_PORT = 53


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
    row = _domain(domain_id)
    row.problem = ""
    row.checked_at = None
    row.save(update_fields=["problem", "checked_at"])
    DOMAIN_CHECK.enqueue(domain_id=row.id)


@transaction.atomic
def domain_join_set(*, actor: Actor, domain_id: UUID, join: JoinMode) -> None:
    """Say what people with an address of the domain may do. Raises `MayNot`, `NotFound`."""
    turn_take(actor=actor, action=access.SETTINGS_MANAGE)
    row = _domain(domain_id)
    before, row.join = row.join, join
    row.save(update_fields=["join"])
    record(action="domain.changed", resource=row, details={"before": before, "after": join.value})


@transaction.atomic
def domain_remove(*, actor: Actor, domain_id: UUID) -> None:
    """Give a domain up; who has joined through it stays. Raises `MayNot`, `NotFound`."""
    turn_take(actor=actor, action=access.SETTINGS_MANAGE)
    row = _domain(domain_id)
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
        _note(row, _("No name server answers for this domain. It is tried again for a minute; then ask again."))
        raise Unavailable from error
    if f"{RECORD_PREFIX}{row.token}" in texts:
        _note_verified(row)
    else:
        _note(row, _("The record was not found. New records can take an hour or more to be seen everywhere."))


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
        return request


@transaction.atomic
def join_request_answer(*, actor: Actor, request_id: UUID, accept: bool) -> None:
    """Let somebody in who asked, as a member, or not.

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
    if accept:
        organization = Organization.objects.get(id=actor.organization_id)
        member_add(organization=organization, user=User.objects.get(id=request.user_id), how="request")


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


def _note(row: EmailDomain, problem: str) -> None:
    EmailDomain.objects.filter(id=row.id).update(checked_at=db_now(), problem=problem)


@transaction.atomic
def _note_verified(row: EmailDomain) -> None:
    turn_take(actor=None)
    found = EmailDomain.objects.filter(id=row.id, token=row.token)
    found.update(checked_at=db_now(), problem="")
    if found.filter(verified_at=None).update(verified_at=db_now()):
        written_down()
        record(action="domain.verified", resource=row, words={"domain": row.domain})


def _domain(domain_id: UUID) -> EmailDomain:
    row = EmailDomain.objects.filter(id=domain_id).first()
    if row is None:
        raise NotFound
    return row


def _offer(user: User, organization_id: UUID, join: JoinMode) -> Offer:
    found = [offer for offer in offers_for(user=user) if offer.organization.id == organization_id]
    if not found or found[0].join is not join:
        raise NotOffered
    return found[0]
