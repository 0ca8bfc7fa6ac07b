"""Reads of API keys and service accounts."""

from uuid import UUID

from django.db.models import Case, CharField, Count, F, Max, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce

from accounts import access
from accounts.contracts import Actor
from accounts.models import ApiKey, Membership
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.errors import NotFound

EXPIRED = Q(expires_at__isnull=False, expires_at__lte=db_now())
LIVE = Q(revoked_at=None) & ~EXPIRED


def keys_of(*, member_id: UUID) -> QuerySet[ApiKey]:
    """A member's keys, each with `state`: live, replaced (lives on for a while), expired or revoked; newest first."""
    state = Case(
        When(revoked_at__isnull=False, then=Value("revoked")),
        When(EXPIRED, then=Value("expired")),
        When(replaced_by__isnull=False, then=Value("replaced")),
        default=Value("live"),
        output_field=CharField(),
    )
    return ApiKey.objects.filter(member_id=member_id).annotate(state=state).order_by("-created_at", "-id")


def keys_of_members() -> QuerySet[ApiKey]:
    """Live keys of people, with `person`, for who may manage them; service accounts are listed with theirs."""
    people = ApiKey.objects.filter(LIVE, member__user__is_service=False)
    return people.annotate(person=F("member__user__name"), email=F("member__user__email")).order_by("email", "-id")


def key_get(*, key_id: UUID, actor: Actor) -> ApiKey:
    """One's own key, or any for who may manage them. Raises `NotFound`."""
    keys = ApiKey.objects.select_related("member__user").filter(id=key_id)
    if not access.may(actor, access.KEYS_MANAGE):
        keys = keys.filter(member_id=actor.member_id)
    key = keys.first()
    if key is None:
        raise NotFound
    return key


def service_accounts() -> QuerySet[Membership]:
    """The service accounts of the organization by name, each with `live_keys` and `last_used_at`."""
    keys = ApiKey.objects.filter(LIVE, member=OuterRef("pk")).order_by().values("member")
    used = ApiKey.objects.filter(member=OuterRef("pk")).order_by().values("member")
    return (
        Membership.objects.select_related("user")
        .filter(user__is_service=True, left_at=None)
        .annotate(
            live_keys=Coalesce(Subquery(keys.annotate(n=Count("id")).values("n")), 0),
            last_used_at=Subquery(used.annotate(last=Max("last_used_at")).values("last")),
        )
        .order_by("user__name", "id")
    )


def service_account_get(*, member_id: UUID) -> Membership:
    """Raises `NotFound`."""
    member = service_accounts().filter(id=member_id).first()
    if member is None:
        raise NotFound
    return member
