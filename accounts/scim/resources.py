"""People and groups as SCIM shows them, and back."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import UUID

from accounts.models import Membership, Team
from accounts.scim.errors import InvalidValue
from accounts.scim.patches import Resource, flag, member
from accounts.selectors.scim import Linked
from accounts.services.scim import Group, Person

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"

# Makes the address of a resource: `("Users", id) -> url`.
type Locate = Callable[[str, UUID], str]


def user_resource(membership: Membership, *, groups: Iterable[Linked], locate: Locate) -> Resource:
    user = membership.user
    given, _space, family = user.name.rpartition(" ")
    return {
        "schemas": [USER],
        "id": str(membership.id),
        **({"externalId": membership.external_id} if membership.external_id else {}),
        "userName": user.email,
        "name": {"formatted": user.name, "givenName": given or family, "familyName": family if given else ""},
        "displayName": user.name,
        "emails": [{"value": user.email, "type": "work", "primary": True}],
        "active": membership.suspended_at is None and user.is_active,
        "groups": [{**_link("Groups", group, locate), "type": "direct"} for group in groups],
        "meta": {
            "resourceType": "User",
            "created": membership.joined_at.isoformat(),
            "location": locate("Users", membership.id),
        },
    }


def group_resource(team: Team, *, members: Iterable[Linked], locate: Locate) -> Resource:
    return {
        "schemas": [GROUP],
        "id": str(team.id),
        **({"externalId": team.external_id} if team.external_id else {}),
        "displayName": team.name,
        "members": [_link("Users", person, locate) for person in members],
        "meta": {
            "resourceType": "Group",
            "created": team.created_at.isoformat(),
            "location": locate("Groups", team.id),
        },
    }


def person_from(resource: Resource, *, before: Mapping[str, Any]) -> Person:
    """Read a person.

    Args:
        before: the resource as it was; what says the same as there was not meant to be changed.

    Raises:
        InvalidValue
    """
    active = flag(resource.get("active", True))
    if not isinstance(active, bool):
        raise InvalidValue
    return Person(
        email=_text(resource, "userName"),
        name=_name_from(resource, before),
        active=active,
        external_id=_text(resource, "externalId"),
    )


def group_from(resource: Resource) -> Group:
    """Read a group. Raises `InvalidValue`."""
    members = resource.get("members")
    if members is not None and not isinstance(members, list):
        raise InvalidValue
    return Group(
        name=_text(resource, "displayName"),
        external_id=_text(resource, "externalId"),
        members=None if members is None else frozenset(map(_member_id, members)),
    )


def laid_over(before: Resource, body: Mapping[str, Any]) -> Resource:
    """A PUT body over the resource as it was: what the body leaves out stays, as the RFC allows. A directory that does
    not know an attribute must not clear it."""
    named = {name.lower(): name for name in (*_NAMES, *before)}
    return {**before, **{named.get(key.lower(), key): value for key, value in body.items()}}


def shown(resource: Resource, *, only: str, but: str) -> Resource:
    """What the parameters `attributes` and `excludedAttributes` leave of a resource; ids and schemas always stay."""
    wanted, unwanted = _top_names(only), _top_names(but)
    always = {"schemas", "id"}
    return {
        name: value
        for name, value in resource.items()
        if name in always or (name.lower() not in unwanted and (not wanted or name.lower() in wanted))
    }


def hides(attribute: str, *, only: str, but: str) -> bool:
    """Whether an attribute is not asked for, so that it need not be looked up."""
    return attribute in _top_names(but) or bool(only and attribute not in _top_names(only))


_NAMES = ("userName", "displayName", "externalId", "name", "active", "emails", "members")


def _top_names(names: str) -> set[str]:
    found = (name.strip().rpartition(":")[2].partition(".")[0].lower() for name in names.split(","))
    return {name for name in found if name}


def _link(kind: str, linked: Linked, locate: Locate) -> Resource:
    return {"value": str(linked.id), "display": linked.name, "$ref": locate(kind, linked.id)}


def _name_from(resource: Resource, before: Mapping[str, Any]) -> str:
    """The first of the several ways to say a name that says something new."""
    old = before.get("name", {})
    name = resource.get("name") or {}
    if not isinstance(name, dict):
        raise InvalidValue
    if (shown_name := _text(resource, "displayName")) and shown_name != before.get("displayName"):
        return shown_name
    if (formatted := _text(name, "formatted")) and formatted != old.get("formatted"):
        return formatted
    parts = [_text(name, part) for part in ("givenName", "familyName")]
    if any(part and part != old.get(key) for part, key in zip(parts, ("givenName", "familyName"), strict=True)):
        return " ".join(part for part in parts if part)
    return str(before.get("displayName", ""))


def _text(resource: Mapping[str, Any], name: str) -> str:
    value = member(resource, name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidValue
    return value


def _member_id(item: Any) -> UUID:
    try:
        return UUID(str(member(item, "value")))
    except (ValueError, AttributeError, TypeError):
        raise InvalidValue from None
