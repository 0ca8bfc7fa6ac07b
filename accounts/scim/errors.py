"""Refusals in SCIM's own words."""

from django.utils.translation import gettext_lazy as _

from jarvis_site.kernel.errors import Invalid, JarvisError


class ScimError(Invalid):
    """Something in a request is wrong.

    Attributes:
        kind: the `scimType` of RFC 7644, section 3.12.
    """

    kind = "invalidSyntax"


class InvalidSyntax(ScimError):
    message = _("The body is not what SCIM asks for.")


class InvalidFilter(ScimError):
    kind = "invalidFilter"
    message = _("This filter can not be understood, or compares something that can not be searched.")


class InvalidPath(ScimError):
    kind = "invalidPath"
    message = _("This path can not be understood.")


class InvalidValue(ScimError):
    kind = "invalidValue"
    message = _("A value is missing, or is not of the right kind.")


class NoTarget(ScimError):
    kind = "noTarget"
    message = _("The operation names nothing that it could change.")


class Immutable(ScimError):
    kind = "mutability"
    message = _("This attribute can not be changed.")


# What services refuse, where SCIM has a word for it.
KINDS = {
    "already_member": "uniqueness",
    "member_suspended": "uniqueness",
    "name_taken": "uniqueness",
    "external_id_taken": "uniqueness",
    "address_not_yours": "mutability",
    "unknown_group_member": "invalidValue",
}


def kind_of(error: JarvisError) -> str:
    """The `scimType`; empty where the RFC has none."""
    return error.kind if isinstance(error, ScimError) else KINDS.get(error.code, "")
