"""How a person can sign in, and what they have to prove more."""

from allauth.mfa.models import Authenticator

from accounts.contracts import SignInMethod
from accounts.models import User

# Recovery codes stand in for one of these; alone they are none.
SECOND_FACTORS = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]


def has_second_factor(*, user: User) -> bool:
    found: bool = Authenticator.objects.filter(user_id=user.pk, type__in=SECOND_FACTORS).exists()
    return found


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
