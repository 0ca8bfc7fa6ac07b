"""How a person can sign in, and what they have to prove more."""

from allauth.mfa.models import Authenticator

from accounts.contracts import SignInMethod
from accounts.models import Organization, User
from accounts.selectors import membership_get, organizations_of
from accounts.selectors.sso import SSO
from accounts.sign_in import Record, is_second_factor

# Recovery codes stand in for one of these; alone they are none.
SECOND_FACTORS = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]


def has_second_factor(*, user: User) -> bool:
    found: bool = Authenticator.objects.filter(user_id=user.pk, type__in=SECOND_FACTORS).exists()
    return found


def is_last_factor(authenticator: Authenticator) -> bool:
    """Whether the person has no other second factor."""
    others = Authenticator.objects.filter(user_id=authenticator.user_id, type__in=SECOND_FACTORS)
    return not others.exclude(pk=authenticator.pk).exists()


def organizations_needing_factor(*, user: User, records: list[Record]) -> list[Organization]:
    """The person's organizations that require a second factor, and for which one of the person's own is needed: where
    the organization's own provider has vouched for another one in this session, none is. But an owner who gets in
    without that provider would not get in any more."""
    return [
        organization
        for organization in organizations_of(user=user)
        if organization.mfa_required
        and (
            not _is_vouched_for(organization, records) or membership_get(user=user, slug=organization.slug).break_glass
        )
    ]


def _is_vouched_for(organization: Organization, records: list[Record]) -> bool:
    by_provider = [record for record in records if record["method"] == SSO]
    return any(is_second_factor(record, organization.id) for record in by_provider)


def factor_count(*, user: User, kind: str) -> int:
    number: int = Authenticator.objects.filter(user_id=user.pk, type=kind).count()
    return number


def factors_of(*, user: User) -> list[Authenticator]:
    """Authenticator app, passkeys and recovery codes, the oldest first."""
    return list(Authenticator.objects.filter(user_id=user.pk).order_by("created_at", "pk"))


def methods_of(*, user: User) -> set[SignInMethod]:
    """Ways of this person's own to begin a session; single sign-on belongs to an organization."""
    methods = set()
    if user.has_usable_password():
        methods.add(SignInMethod.PASSWORD)
    passkeys = Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.WEBAUTHN)
    if any(passkey.wrap().is_passwordless for passkey in passkeys):
        methods.add(SignInMethod.PASSKEY)
    return methods
