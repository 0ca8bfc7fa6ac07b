"""An organization's rules for signing in."""

from django.db import transaction

from accounts import access
from accounts.contracts import Actor, SignInMethod
from accounts.errors import OwnWayMissing, SecondFactorFirst
from accounts.models import Identity, Membership, Organization, User
from accounts.selectors import membership_get, organizations_of
from accounts.selectors.sign_in import has_second_factor, methods_of
from jarvis_site.audit import record
from jarvis_site.kernel import realtime
from jarvis_site.kernel.realtime import CLOSE_COME_AGAIN
from jarvis_site.kernel.tenancy import tenant


@transaction.atomic
def sign_in_rules_update(
    *,
    actor: Actor,
    mfa_required: bool,
    idle_minutes: int | None,
    session_hours: int | None,
    sign_in_methods: list[SignInMethod],
) -> None:
    """Change what sessions have to satisfy here, for everybody at once.

    Args:
        sign_in_methods: those that count; empty: all.

    Raises:
        MayNot. SecondFactorFirst, OwnWayMissing: the actor would lock themselves out.
    """
    access.require(actor, access.SIGN_IN_MANAGE)
    user = Membership.objects.select_related("user").get(id=actor.member_id).user
    if mfa_required and not has_second_factor(user=user):
        raise SecondFactorFirst
    if sign_in_methods and own_methods(actor=actor, user=user).isdisjoint(sign_in_methods):
        raise OwnWayMissing
    organization = Organization.objects.select_for_update().get(id=actor.organization_id)
    after = {
        "mfa_required": mfa_required,
        "idle_minutes": idle_minutes,
        "session_hours": session_hours,
        "sign_in_methods": [method.value for method in sign_in_methods],
    }
    before = {name: getattr(organization, name) for name in after}
    for name, value in after.items():
        setattr(organization, name, value)
    organization.save(update_fields=list(after))
    record(action="sign_in_rules.changed", resource=organization, details={"before": before, "after": after})
    # Whose session is not good enough any more is told so when the page connects again.
    realtime.evict(organization_id=organization.id, code=CLOSE_COME_AGAIN)


def own_methods(*, actor: Actor, user: User) -> set[SignInMethod]:
    """Ways in which this member can sign in here."""
    methods = methods_of(user=user)
    if Identity.objects.filter(member_id=actor.member_id).exists():
        methods.add(SignInMethod.SSO)
    return methods


def sign_in_record(*, user: User, action: str) -> None:
    """Put on record in each of the person's organizations that they have signed in or out."""
    for organization in organizations_of(user=user):
        member = membership_get(user=user, slug=organization.slug)
        with tenant(organization.id, member=member.id), transaction.atomic():
            record(action=action, resource=member)
