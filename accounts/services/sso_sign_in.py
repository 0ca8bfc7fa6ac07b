"""From the button to the person: one attempt, the provider's answer, and who that is in the organization.

Everything runs in the scope of the organization in the address; nobody is signed in yet.
"""

import secrets
from dataclasses import asdict, dataclass
from datetime import timedelta
from uuid import UUID

from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from accounts.contracts import Protocol, Role
from accounts.errors import LastOwner
from accounts.models import EmailDomain, Identity, IdentityProvider, Membership, Organization, SignInAttempt, User
from accounts.secrets import digest, same
from accounts.selectors.sso import provider_get
from accounts.services.members import member_add, member_role_change
from accounts.services.roles import RANK
from accounts.services.sso import client_of, provider_tested, trust_of
from accounts.services.turns import turn_take
from accounts.sso import oidc, saml
from accounts.sso.contracts import Claims, SignInRefused, storable
from jarvis_site.audit import record
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.tenancy import tenant

# Somebody may have to look for their phone at the provider.
ATTEMPT_LIFE = timedelta(minutes=15)
# A person may look at the page of a test for a while.
ATTEMPT_KEPT = timedelta(hours=1)
RANDOM_BYTES = 32
NEXT_LENGTH = 500
NAME_LENGTH = 100
EMAIL_LENGTH = 254


@dataclass(frozen=True, slots=True)
class Answer:
    """A provider's believed answer to one attempt."""

    attempt: SignInAttempt
    claims: Claims


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who somebody is in the organization.

    Attributes:
        membership: None: they would become a member.
        user: None: they would get an account, too.
        role: what they are after this sign-in.
    """

    membership: Membership | None
    user: User | None
    role: Role


def attempt_start(*, provider: IdentityProvider, browser: str, next_path: str = "", tester: UUID | None = None) -> str:
    """Begin a sign-in and return the address of the provider to go to.

    Args:
        browser: the secret of this browser's cookie.
        next_path: where to go afterwards, a path inside the organization.
        tester: the member who tries the provider out.

    Raises:
        SignInRefused: the provider can not be reached.
    """
    attempt = SignInAttempt(
        provider=provider,
        state=secrets.token_urlsafe(RANDOM_BYTES),
        nonce=secrets.token_urlsafe(RANDOM_BYTES),
        verifier=secrets.token_urlsafe(RANDOM_BYTES),
        browser=digest(browser),
        next=next_path if len(next_path) <= NEXT_LENGTH else "",
        tester_id=tester,
    )
    if provider.protocol == Protocol.OIDC:
        client = client_of(provider)
        found = oidc.discover(client.issuer)
        address = oidc.authorization_url(
            client, found, state=attempt.state, nonce=attempt.nonce, verifier=attempt.verifier
        )
    else:
        attempt.request_id, address = saml.authentication_request(trust_of(provider), relay_state=attempt.state)
    SignInAttempt.objects.filter(created_at__lt=db_now(plus=-ATTEMPT_KEPT)).delete()
    attempt.save()
    return address


def oidc_answer(
    *, provider: IdentityProvider, state: str, browser: str, code: str, issuer: str = "", error: str = ""
) -> Answer:
    """Take up an OIDC provider's answer. Each attempt is answered once, in its own browser.

    Args:
        issuer: the answer's `iss` (RFC 9207), empty when it has none.

    Raises:
        SignInRefused
    """
    attempt = _waiting(provider, state)
    _require_browser(attempt, browser)
    if not _answered(attempt):
        raise SignInRefused("unknown_attempt")
    if issuer and issuer != provider.config["issuer"]:
        raise SignInRefused("bad_issuer", issuer)
    if error or not code:
        raise SignInRefused("denied", error)
    claims = oidc.claims_for(client_of(provider), code=code, verifier=attempt.verifier, nonce=attempt.nonce)
    _finished(attempt)
    return Answer(attempt, claims)


def saml_response(*, provider: IdentityProvider, response: str, relay_state: str) -> SignInAttempt:
    """Take up a SAML response, which the browser brings from the provider's site and so without our cookie. Whose it
    is shows in `saml_answer`.

    Raises:
        SignInRefused
    """
    attempt = _waiting(provider, relay_state)
    assertion = saml.assertion_in(trust_of(provider), response=response, request_id=attempt.request_id)
    try:
        with transaction.atomic():
            answered = _answered(attempt, assertion_id=digest(assertion.id), answer=asdict(assertion.claims))
    except IntegrityError as error:
        raise SignInRefused("replayed") from error
    if not answered:
        raise SignInRefused("replayed")
    return attempt


def saml_answer(*, provider: IdentityProvider, state: str, browser: str) -> Answer:
    """Take up what `saml_response` believed, in the browser that began it.

    Raises:
        SignInRefused
    """
    attempt = _young(provider, state)
    if attempt is None or attempt.answered_at is None or attempt.finished_at is not None:
        raise SignInRefused("unknown_attempt")
    _require_browser(attempt, browser)
    if not _finished(attempt):
        raise SignInRefused("unknown_attempt")
    return Answer(attempt, Claims(**attempt.answer))


@transaction.atomic
def person_admit(*, provider: IdentityProvider, claims: Claims) -> Membership:
    """Let the person in: link, create and give the role as the provider's settings say.

    Raises:
        SignInRefused: they can not be let in; the text says why.
    """
    turn_take(actor=None)
    provider = provider_get(provider_id=provider.id)
    if not provider.enabled:
        raise SignInRefused("unknown_attempt")
    found = verdict(provider=provider, claims=claims)
    membership = found.membership or _joined(provider, found, claims)
    known, new = Identity.objects.get_or_create(
        provider=provider, subject=claims.subject, defaults={"member": membership}
    )
    Identity.objects.filter(id=known.id).update(last_used_at=db_now())
    with tenant(provider.organization_id, member=membership.id):
        if found.role != membership.role:
            membership = _with_role(membership, found.role)
        details = {"provider": str(provider.id), "linked": new}
        record(action="sso.signed_in", resource=membership, details=details)
    return membership


@transaction.atomic
def test_finish(*, provider: IdentityProvider, answer: Answer) -> SignInAttempt:
    """Write down what a test brought, for its page; the provider counts as tested when the person would be let in."""
    claims, told = answer.claims, asdict(answer.claims)
    try:
        found = verdict(provider=provider, claims=claims, for_test=True)
        told |= {"role": found.role.value, "problem": "", "new": found.membership is None}
        provider_tested(provider)
    except SignInRefused as refused:
        told |= {"role": "", "problem": refused.reason, "new": False}
    attempt = answer.attempt
    attempt.answer = told
    attempt.save(update_fields=["answer"])
    details = {"problem": told["problem"]}
    record(action="sso.provider_tested", resource=provider, details=details)
    return attempt


def verdict(*, provider: IdentityProvider, claims: Claims, for_test: bool = False) -> Verdict:
    """Who this is, and whether they are let in. Changes nothing.

    Args:
        for_test: before the provider is switched on it can not have been switched on by an owner.

    Raises:
        SignInRefused
    """
    identity = Identity.objects.filter(provider=provider, subject=claims.subject).first()
    if identity is None:
        user = _vouched_for(provider, claims)
        membership = _membership_of(user)
    else:
        membership = _live(Membership.objects.select_related("user").get(id=identity.member_id))
        user = membership.user
    if membership is None and not provider.creates_members:
        raise SignInRefused("not_member")
    role = _role(provider, claims, membership)
    owner = Role.OWNER in {role, membership.role if membership else None}
    if owner and not provider.for_owners and not for_test:
        raise SignInRefused("owner")
    return Verdict(membership=membership, user=user, role=role)


def _vouched_for(provider: IdentityProvider, claims: Claims) -> User | None:
    """The account with the address, when both the provider and the organization answer for it; None: there is none.

    The organization must own the domain: its admin also decides what its provider says, and could claim any address.
    """
    email = claims.email.lower()
    try:
        validate_email(email)
    except ValidationError as error:
        raise SignInRefused("email_missing") from error
    if len(email) > EMAIL_LENGTH:
        raise SignInRefused("email_missing", "it is too long")
    # Letters that only look or compare alike must not find somebody else's account.
    if not email.isascii():
        raise SignInRefused("email_missing", "it has letters that are not ASCII")
    verified = provider.config.get("trusts_email", False) if claims.email_verified is None else claims.email_verified
    if not verified:
        raise SignInRefused("email_unverified")
    # Exactly: without regard to case the database takes some other letters for ours, too.
    domain = email.rpartition("@")[2]
    if not EmailDomain.objects.filter(domain=domain, verified_at__isnull=False).exists():
        raise SignInRefused("domain_unverified")
    return _account(email)


def _account(email: str) -> User | None:
    """An account whose address was confirmed once; one that was not may belong to somebody who only claimed it."""
    address = EmailAddress.objects.filter(email=email, verified=True).first()
    if address is None:
        if User.objects.filter(email__iexact=email).exists():
            raise SignInRefused("unconfirmed")
        return None
    user = User.objects.get(id=address.user_id)
    if not user.is_active or user.is_service:
        raise SignInRefused("not_live")
    return user


def _membership_of(user: User | None) -> Membership | None:
    if user is None:
        return None
    found = Membership.objects.select_related("user").filter(user=user).first()
    return None if found is None else _live(found)


def _live(membership: Membership) -> Membership:
    """Somebody who was removed is let in again by a person, not by a directory that has not heard of it."""
    if membership.left_at is not None or membership.suspended_at is not None or not membership.user.is_active:
        raise SignInRefused("not_live")
    return membership


def _role(provider: IdentityProvider, claims: Claims, membership: Membership | None) -> Role:
    """What the person is from now on.

    Owners are the directory's business only when it names owners; a break-glass owner never is.
    """
    present = Role(membership.role) if membership else None
    mapping = {value: Role(role) for value, role in provider.role_map.items()}
    if not provider.role_claim or not mapping:
        return present or Role(provider.default_role)
    if membership and present is Role.OWNER and (Role.OWNER not in mapping.values() or membership.break_glass):
        return Role.OWNER
    mapped = [mapping[value] for value in claims.values.get(provider.role_claim, []) if value in mapping]
    return max(mapped, key=lambda role: RANK[role], default=Role(provider.default_role))


def _joined(provider: IdentityProvider, found: Verdict, claims: Claims) -> Membership:
    user = found.user or _new_account(claims)
    organization = Organization.objects.get(id=provider.organization_id)
    membership = member_add(organization=organization, user=user, role=found.role, how="sso")
    membership.user = user
    return membership


def _new_account(claims: Claims) -> User:
    """Without a password; who wants one asks for it by mail."""
    email = claims.email.lower()
    name = " ".join(claims.name.split())[:NAME_LENGTH] or email.partition("@")[0][:NAME_LENGTH]
    user = User.objects.create_user(email, None, name=name)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user


def _with_role(membership: Membership, role: Role) -> Membership:
    try:
        changed = member_role_change(actor=None, member_id=membership.id, role=role)
    except LastOwner:
        return membership
    changed.user = membership.user
    return changed


def _young(provider: IdentityProvider, state: str) -> SignInAttempt | None:
    if not storable(state):
        return None
    since = db_now(plus=-ATTEMPT_LIFE)
    return SignInAttempt.objects.filter(provider=provider, state=state, created_at__gt=since).first()


def _waiting(provider: IdentityProvider, state: str) -> SignInAttempt:
    attempt = _young(provider, state)
    if attempt is None:
        raise SignInRefused("unknown_attempt")
    if attempt.answered_at is not None:
        raise SignInRefused("replayed")
    return attempt


def _require_browser(attempt: SignInAttempt, browser: str) -> None:
    """Otherwise somebody could send others a link that signs them in as somebody else."""
    if not browser or not same(browser, attempt.browser):
        raise SignInRefused("other_browser")


def _answered(attempt: SignInAttempt, **fields: object) -> bool:
    """Whether this is the first answer; of two at once one is."""
    waiting = SignInAttempt.objects.filter(id=attempt.id, answered_at=None)
    return waiting.update(answered_at=db_now(), **fields) == 1


def _finished(attempt: SignInAttempt) -> bool:
    unfinished = SignInAttempt.objects.filter(id=attempt.id, finished_at=None)
    return unfinished.update(finished_at=db_now(), answer={}) == 1
