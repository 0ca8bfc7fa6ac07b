"""Organizations, and who belongs where."""

from functools import cache
from itertools import islice
from typing import Any
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import connection, models
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext_lazy as _

from accounts.contracts import Role
from accounts.models.people import User, initials
from jarvis_site.kernel.ids import uuid7
from jarvis_site.kernel.tenancy import at_the_door
from jarvis_site.kernel.tenancy.constraints import TenantFK, TenantPolicy
from jarvis_site.kernel.tenancy.models import TenantForeignKey, TenantModel
from jarvis_site.kernel.tenancy.statements import fetch, instance


class Organization(models.Model):
    """A tenant. Global, because its address has to be resolved before there is a scope.

    Attributes:
        suspended_at: by an operator; nobody gets in, nothing runs.
        mfa_required: members need a second factor before they get in.
        idle_minutes: a session that did nothing for so long has to sign in again; None: the site's own rule.
        session_hours: the same for the time since the sign-in, whatever was done meanwhile.
        sign_in_methods: `SignInMethod` values that count here; empty: all.
        enabled_providers: ids of the identity providers whose sessions count here.
        enforced_providers: ids of those through one of which members have to get in; empty: nothing is enforced.
        sign_in_domains: e-mail domains whose people the sign-in page leads to a provider. The three are copies, made
            with every change (`accounts.services.sso.written_down`): the door has no time to look, and strangers may
            not look into the tables of an organization.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(_("name"), max_length=100)
    slug = models.SlugField(_("address"), max_length=60, unique=True)
    created_at = models.DateTimeField(db_default=Now())
    suspended_at = models.DateTimeField(null=True, editable=False)
    mfa_required = models.BooleanField(_("second factor required"), default=False)
    idle_minutes = models.PositiveIntegerField(_("minutes without activity"), null=True, blank=True)
    session_hours = models.PositiveIntegerField(_("hours since the sign-in"), null=True, blank=True)
    sign_in_methods = ArrayField(
        models.CharField(max_length=20), verbose_name=_("ways to sign in"), default=list, blank=True
    )
    enabled_providers = ArrayField(models.UUIDField(), default=list, blank=True, editable=False)
    enforced_providers = ArrayField(models.UUIDField(), default=list, blank=True, editable=False)
    sign_in_domains = ArrayField(models.CharField(max_length=253), default=list, blank=True, editable=False)

    class Meta:
        indexes = [GinIndex(fields=["sign_in_domains"], name="accounts_organization_domains")]

    def __str__(self) -> str:
        return self.name

    @property
    def initials(self) -> str:
        return initials(self.name)

    @classmethod
    def at(cls, slug: str) -> "models.QuerySet[Organization]":
        """The one at an address, present or former: one statement with one row at most, whichever it is."""
        present = cls.objects.filter(slug=slug).values("id")
        former = FormerAddress.objects.filter(slug=slug).values("organization_id")
        return cls.objects.filter(id=Coalesce(models.Subquery(present), models.Subquery(former)))


class FormerAddress(models.Model):
    """An address that an organization had: it still leads there, and no other organization can take it. Global, like
    the organizations themselves."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.SlugField(max_length=60, unique=True)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.slug


class CustomRole(TenantModel):
    """Rights of the organization's own making, added to what `member` may; a denial beats every permission.

    Attributes:
        allow, deny: names of actions, or patterns such as `members.*`.
    """

    name = models.CharField(_("name"), max_length=60)
    description = models.CharField(_("description"), max_length=200, blank=True)
    allow = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    deny = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["organization", "name"], name="accounts_customrole_name"),
        ]

    def __str__(self) -> str:
        return self.name


class Membership(TenantModel):
    """A person, or a service account, in an organization. Tenant rows point here and never at User; former members
    stay as rows.

    Attributes:
        rules: what roles and teams add to the built-in role, worked out whenever one of them changes, so that the door
            reads it with the membership: a list of `[effect, pattern, source]`, see `accounts.access`.
        removed: of a former member: others ended it, not they themselves.
        suspended_at: comes back with everything, unlike one who left.
        external_id: of the person in the organization's own directory (SCIM).
        sessions_ended_at: an admin made the person sign in again; what a session proved before does not count here.
        ended_sessions: the same for single browsers: `accounts.sign_in.browser_of` -> when, in seconds since 1970. It
            stands here and not in the session, which another request may write back as it was.
        break_glass: an owner who gets in without single sign-on where it is enforced, so that nobody is locked out.
    """

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=20, choices=[(role.value, role.value) for role in Role], default=Role.MEMBER)
    custom_role = TenantForeignKey(CustomRole, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    rules = models.JSONField(default=list, editable=False)
    joined_at = models.DateTimeField(db_default=Now())
    left_at = models.DateTimeField(null=True)
    removed = models.BooleanField(default=False, editable=False)
    suspended_at = models.DateTimeField(null=True)
    sessions_ended_at = models.DateTimeField(null=True, editable=False)
    ended_sessions = models.JSONField(default=dict, editable=False)
    external_id = models.CharField(max_length=200, blank=True)
    break_glass = models.BooleanField(default=False, editable=False)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints[:-1],
            TenantPolicy(picker=True),
            TenantFK("custom_role"),
            models.UniqueConstraint(fields=["organization", "user"], name="accounts_membership_once"),
            models.UniqueConstraint(
                fields=["organization", "external_id"],
                condition=~models.Q(external_id=""),
                name="accounts_membership_external",
            ),
        ]
        indexes = [models.Index(fields=["user"], name="accounts_membership_user")]

    organization_id: UUID
    user_id: UUID
    custom_role_id: UUID | None

    def __str__(self) -> str:
        return str(self.user)

    @staticmethod
    def own_ids() -> list[UUID]:
        """Organizations of the person who is `signed_in`, across all tenants. No manager filters this query and the
        next; the database answers with rows of that person only (the policy's `user_id = app_user()`)."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT organization_id FROM accounts_membership WHERE user_id = app_user()"
                " AND left_at IS NULL AND suspended_at IS NULL"
            )
            return [row[0] for row in cursor.fetchall()]

    @classmethod
    def own_at(cls, slug: str) -> "Membership | None":
        """The live membership of the person who is `signed_in` at an address, with user and organization: one query
        at the door of every request and frame. A former address is looked for only when there is none at a present one,
        so that it costs nobody else anything."""
        with at_the_door(), connection.cursor() as cursor:
            cursor.execute(f"{_live()} AND organization.slug = %s AND membership.user_id = app_user()", [slug])
            row = cursor.fetchone()
            if row is None:
                former = "SELECT organization_id FROM accounts_formeraddress WHERE slug = %s"
                cursor.execute(
                    f"{_live()} AND organization.id = ({former}) AND membership.user_id = app_user()", [slug]
                )
                row = cursor.fetchone()
            return _whole(row)

    @classmethod
    def live(cls, member_id: UUID) -> "Membership | None":
        """A live membership of the current organization, with user and organization."""
        with at_the_door():
            rows = fetch(f"{_live()} AND organization.id = %(organization)s AND membership.id = %(id)s", id=member_id)
        return _whole(rows[0] if rows else None)


@cache
def _live() -> str:
    tables = {"membership": Membership, "person": User, "organization": Organization}
    columns = [f'{name}."{field.column}"' for name, model in tables.items() for field in model._meta.concrete_fields]
    return f"""
        SELECT {", ".join(columns)}
        FROM accounts_organization organization
        JOIN accounts_membership membership ON membership.organization_id = organization.id
        JOIN accounts_user person ON person.id = membership.user_id
        WHERE membership.left_at IS NULL AND membership.suspended_at IS NULL AND person.is_active
            AND organization.suspended_at IS NULL
    """  # noqa: S608 - names of our own columns


def _whole(row: tuple[Any, ...] | None) -> Membership | None:
    if row is None:
        return None
    membership: Membership
    membership, membership.user, membership.organization = _unpack(row, (Membership, User, Organization))
    return membership


def _unpack(row: tuple[Any, ...], kinds: tuple[type[models.Model], ...]) -> list[Any]:
    """Cut a row of several tables' columns into one object of each."""
    values = iter(row)
    return [instance(kind, list(islice(values, len(kind._meta.concrete_fields)))) for kind in kinds]
