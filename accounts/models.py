"""People, organizations, and who belongs where."""

from functools import cache
from itertools import islice
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import connection, models
from django.db.models.functions import Lower, Now
from django.utils.translation import gettext_lazy as _

from accounts.contracts import Role
from jarvis_site.kernel.ids import uuid7
from jarvis_site.kernel.tenancy.constraints import TenantPolicy
from jarvis_site.kernel.tenancy.models import TenantModel
from jarvis_site.kernel.tenancy.statements import fetch


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


class User(AbstractBaseUser, PermissionsMixin):
    """A person, who may belong to many organizations. Global: sign-in happens before a tenant is known."""

    class Theme(models.TextChoices):
        SYSTEM = "", _("As the system")
        LIGHT = "light", _("Light")
        DARK = "dark", _("Dark")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(_("email address"), max_length=254)
    name = models.CharField(_("name"), max_length=100)
    timezone = models.CharField(_("time zone"), max_length=64, default="UTC")
    theme = models.CharField(_("theme"), max_length=5, choices=Theme, blank=True, default=Theme.SYSTEM)
    high_contrast = models.BooleanField(_("high contrast"), default=False)
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(db_default=Now())

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]
    objects = UserManager()

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="accounts_user_email_unique")]

    def __str__(self) -> str:
        return self.name or self.email

    def get_short_name(self) -> str:
        return self.name.split(" ")[0] if self.name else self.email


class Organization(models.Model):
    """A tenant. Global, because its address has to be resolved before there is a scope."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(_("name"), max_length=100)
    slug = models.SlugField(_("address"), max_length=60, unique=True)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.name

    @property
    def initials(self) -> str:
        return initials(self.name)


class Membership(TenantModel):
    """A person in an organization. Tenant rows point here and never at User; former members stay as rows."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=20, choices=[(role.value, role.value) for role in Role], default=Role.MEMBER)
    joined_at = models.DateTimeField(db_default=Now())
    left_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints[:-1],
            TenantPolicy(picker=True),
            models.UniqueConstraint(fields=["organization", "user"], name="accounts_membership_once"),
        ]
        indexes = [models.Index(fields=["user"], name="accounts_membership_user")]

    organization_id: UUID
    user_id: UUID

    def __str__(self) -> str:
        return str(self.user)

    @staticmethod
    def own_ids() -> list[UUID]:
        """Organizations of the person who is `signed_in`, across all tenants. No manager filters this query and the
        next; the database answers with rows of that person only (the policy's `user_id = app_user()`)."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT organization_id FROM accounts_membership WHERE user_id = app_user() AND left_at IS NULL"
            )
            return [row[0] for row in cursor.fetchall()]

    @classmethod
    def own_at(cls, slug: str) -> "Membership | None":
        """The live membership of the person who is `signed_in` at an address, with user and organization: one query
        at the door of every request and frame."""
        with connection.cursor() as cursor:
            cursor.execute(f"{_live()} AND organization.slug = %s AND membership.user_id = app_user()", [slug])
            return _whole(cursor.fetchone())

    @classmethod
    def live(cls, member_id: UUID) -> "Membership | None":
        """A live membership of the current organization, with user and organization."""
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
        WHERE membership.left_at IS NULL AND person.is_active
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
    names = [[field.attname for field in kind._meta.concrete_fields] for kind in kinds]
    return [
        kind.from_db(connection.alias, fields, list(islice(values, len(fields))))
        for kind, fields in zip(kinds, names, strict=True)
    ]


def initials(name: str) -> str:
    """Return one or two capitals that stand for a name."""
    words = [word for word in name.replace("&", " ").split() if word[:1].isalnum()]
    return "".join(word[0] for word in (words[:1] + words[-1:] if len(words) > 1 else words[:1])).upper() or "?"
