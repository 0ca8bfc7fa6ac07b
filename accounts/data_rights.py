"""What is known of people, teams, roles and keys, and when it goes."""

from collections.abc import Iterator
from itertools import chain
from uuid import UUID

from allauth.account.models import EmailAddress
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import (
    ApiKey,
    Identity,
    Invitation,
    JoinRequest,
    MemberSession,
    Membership,
    SignInAttempt,
    TeamMember,
)
from accounts.services.exports import exports_forget
from jarvis_site.kernel.data_rights import Kind, Row, Sheet, Subject, Table, declare, deleted


def profiles(member_id: UUID | None) -> Iterator[Sheet]:
    """Of oneself all that the account holds; of the organization's people what the organization sees."""
    members = Membership.objects.select_related("user")
    if member_id is None:
        size = members.count()
        yield Sheet(name="people", about=_("names and addresses of members"), size=size, rows=_people())
        return
    user = members.get(id=member_id).user
    profile: Row = {
        "id": user.id,
        "name": user.name,
        "email": user.email,
        "timezone": user.timezone,
        "theme": user.theme,
        "high_contrast": user.high_contrast,
        "date_joined": user.date_joined,
        "last_login": user.last_login,
        "email_addresses": list(EmailAddress.objects.filter(user=user).values("email", "verified", "primary")),
    }
    yield Sheet(name="profile", about=_("the account, which belongs to the person"), size=1, rows=[profile])


def _people() -> Iterator[Row]:
    rows = Membership.objects.order_by("id").values("id", "user__name", "user__email")
    for row in rows:
        yield {"member_id": row["id"], "name": row["user__name"], "email": row["user__email"]}


def erase(subject: Subject) -> Iterator[int]:
    """What the person was here, besides the membership, which the record needs."""
    member = Q(member_id=subject.member_id)
    named = Q(email__iexact=subject.address)
    yield from chain.from_iterable(
        deleted(rows)
        for rows in (
            ApiKey.objects.filter(member),
            MemberSession.objects.filter(member),
            TeamMember.objects.filter(member),
            Identity.objects.filter(member),
            SignInAttempt.objects.filter(tester_id=subject.member_id),
            Invitation.objects.filter(named | Q(accepted_by_id=subject.member_id)),
            JoinRequest.objects.filter(named | Q(user_id=subject.account_id)),
        )
    )
    if number := exports_forget(member_id=subject.member_id):
        yield number


declare(
    Kind(
        name="accounts",
        label=_("membership, teams and keys"),
        on_erasure=_(
            "The membership stays as a row without a name, “Former member”, because the record and other people's"
            " things point at it. Keys, teams, invitations, the list of browsers and the link to single sign-on"
            " are deleted. The account itself is emptied and closed when it belongs to no other organization."
        ),
        tables=(
            Table(
                "accounts.Membership", about=_("a member, present or former"), person="id", hidden=("ended_sessions",)
            ),
            Table(
                "accounts.MemberSession",
                about=_("a browser in which a member was active within the last 30 days"),
                person="member_id",
                hidden=("browser",),
            ),
            Table("accounts.TeamMember", about=_("who is in which team"), person="member_id"),
            Table(
                "accounts.ApiKey", about=_("a key, without its secret"), person="member_id", hidden=("digest", "prefix")
            ),
            Table("accounts.Identity", about=_("a person at an identity provider"), person="member_id"),
            Table("accounts.CustomRole", about=_("a role of the organization's own")),
            Table("accounts.Team", about=_("a team")),
            Table("accounts.Invitation", about=_("an invitation"), hidden=("digest",)),
            Table("accounts.EmailDomain", about=_("an e-mail domain of the organization"), hidden=("token",)),
            Table("accounts.JoinRequest", about=_("a request to join")),
            Table("accounts.IdentityProvider", about=_("a way of single sign-on"), hidden=("secret",)),
            Table("accounts.ScimToken", about=_("a token for the directory"), hidden=("digest", "prefix")),
            Table("accounts.SignInAttempt", about="", exported=False),
        ),
        more=profiles,
        erase=erase,
        stays=_("It is needed for as long as the organization works."),
    )
)
declare(
    Kind(
        name="data",
        label=_("copies, erasures and periods"),
        on_erasure=_("Copies are deleted. That there was an erasure stays, without a name."),
        tables=(
            Table("accounts.DataExport", about=_("a copy that was made"), person="about_id", hidden=("file",)),
            Table("accounts.Erasure", about=_("an erasure"), hidden=("account_id",)),
            Table("accounts.Retention", about=_("how long a kind of data is kept")),
        ),
        stays=_("Copies are deleted after seven days."),
    )
)
