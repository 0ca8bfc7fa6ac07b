"""What both protocols have in common."""

from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from jarvis_site.kernel.errors import Forbidden

type Text = str | Promise
# Of `Identity.subject`; OpenID Connect allows no more.
SUBJECT_LENGTH = 255

# What went wrong, for the person who signs in and for the admin who sets it up. Keys are stable, for tests and logs.
REASONS: dict[str, Text] = {
    "unknown_attempt": _("This sign-in was not begun here, is too old, or was used already. Begin again."),
    "other_browser": _("This sign-in was begun in another browser. Begin again in this one."),
    "denied": _("The provider did not sign you in."),
    "unreachable": _("The provider does not answer, or answers something unreadable."),
    "forbidden_address": _("The provider's address is not one that this site may speak to."),
    "bad_discovery": _("The provider's description of itself does not fit the issuer that is set here."),
    "bad_token": _("The provider's answer is not signed by its own key, or is not meant for this site, or is too old."),
    "bad_issuer": _("The answer comes from another provider than the one that was asked."),
    "bad_nonce": _("The answer belongs to another sign-in."),
    "bad_response": _("The provider's answer is not complete, not signed as it has to be, or too old."),
    "bad_signature": _("The provider's answer is not signed with the certificate that is set here."),
    "bad_audience": _("The provider's answer is not meant for this site. Check the entity id there."),
    "bad_recipient": _("The provider's answer is meant for another address. Check the ACS address there."),
    "bad_request_id": _("The provider's answer belongs to another sign-in."),
    "replayed": _("This answer of the provider was used already."),
    "secret_lost": _("The client secret can not be read any more. An administrator has to enter it again."),
    "no_subject": _("The provider does not say who you are, or gives you a new name each time."),
    "email_missing": _("The provider does not say what your email address is."),
    "email_unverified": _("The provider does not say that your email address is verified."),
    "domain_unverified": _("Your organization has not verified the domain of your email address."),
    "unconfirmed": _(
        "There is an account with your address that nobody has confirmed. Reset its password first, to show that it is"
        " yours."
    ),
    "not_member": _("You do not belong to this organization, and this provider adds nobody."),
    "not_live": _("You do not belong to this organization any more, or are suspended. Ask an administrator."),
    "owner": _("An owner has to switch this provider on before owners can sign in through it."),
}


class SignInRefused(Forbidden):
    """A sign-in through a provider that can not be believed or is not let in.

    Attributes:
        reason: a key of `REASONS`, also the error's code.
        detail: of the library or the provider, for the log and the page of a test; never shown to a stranger.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(REASONS[reason], code=f"sso_{reason}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Claims:
    """What a provider says about the person.

    Attributes:
        subject: the provider's own name of the person; stable.
        email_verified: None: it says nothing about that.
        values: everything else that is text, for the mapping of roles.
        second_factor: the provider says that it asked for more than one factor.
    """

    subject: str
    email: str = ""
    email_verified: bool | None = None
    name: str = ""
    values: dict[str, list[str]] = field(default_factory=dict)
    second_factor: bool = False

    def __post_init__(self) -> None:
        if not self.subject or len(self.subject) > SUBJECT_LENGTH:
            raise SignInRefused("no_subject")
        every = [self.subject, self.email, self.name, *self.values, *chain.from_iterable(self.values.values())]
        if not all(map(storable, every)):
            raise SignInRefused("bad_response", "it has characters in it that are none")


def storable(text: str) -> bool:
    """Whether it is text for the database, too, which knows neither NUL nor half a character."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def texts(value: Any) -> list[str]:
    """A claim as a list: providers send one text or several, sometimes numbers."""
    items = value if isinstance(value, list) else [value]
    return [str(item) for item in items if isinstance(item, str | int | bool)]
