"""From a filter to a database query. What may be searched is listed here; nothing of the filter's text gets into SQL
but as a parameter."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.db.models import Q

from accounts.models import TeamMember
from accounts.scim.errors import InvalidFilter
from accounts.scim.filters import Comparison, Joined, Negated, Node, Value, Within, parse_filter

type Attribute = Callable[[str, Value], Q]

_LOOKUPS = {"eq": "exact", "co": "contains", "sw": "startswith", "ew": "endswith"}
_NOTHING = Q(pk__in=[])


def users_matching(text: str) -> Q:
    """Raises `InvalidFilter`."""
    return _query(parse_filter(text), USERS)


def groups_matching(text: str) -> Q:
    """Raises `InvalidFilter`."""
    return _query(parse_filter(text), GROUPS)


def _query(node: Node, attributes: Mapping[str, Attribute], prefix: str = "") -> Q:
    match node:
        case Joined(word=word, parts=parts):
            queries = [_query(part, attributes, prefix) for part in parts]
            return Q(*queries, _connector=Q.AND if word == "and" else Q.OR)
        case Negated(part=part):
            return ~_query(part, attributes, prefix)
        case Within(attribute=attribute, condition=condition) if not prefix:
            return _query(condition, attributes, f"{attribute}.")
        case Comparison(attribute=attribute, operator=operator, value=value):
            found = attributes.get(prefix + attribute)
            if found is not None:
                return found(operator, value)
    raise InvalidFilter


def _text(field: str, *, any_case: bool = True) -> Attribute:
    def query(operator: str, value: Value) -> Q:
        if operator == "pr":
            return ~Q(**{field: ""})
        if operator == "ne":
            return ~query("eq", value)
        if operator not in _LOOKUPS or not isinstance(value, str):
            raise InvalidFilter
        return Q(**{f"{field}__{'i' if any_case else ''}{_LOOKUPS[operator]}": value})

    return query


def _id(field: str, wrap: Callable[[Q], Q] = lambda query: query) -> Attribute:
    def query(operator: str, value: Value) -> Q:
        if operator == "ne":
            return ~query("eq", value)
        if operator != "eq" or not isinstance(value, str):
            raise InvalidFilter
        try:
            return wrap(Q(**{field: UUID(value)}))
        except ValueError:
            return _NOTHING

    return query


def _fixed(there: str) -> Attribute:
    """An attribute that has the same value for everybody: each has one address, which is the one at work."""

    def query(operator: str, value: Value) -> Q:
        if operator not in {"eq", "ne", "pr"}:
            raise InvalidFilter
        same = operator == "pr" or (isinstance(value, str) and value.casefold() == there)
        return ~_NOTHING if same is (operator in {"eq", "pr"}) else _NOTHING

    return query


def _active(operator: str, value: Value) -> Q:
    is_active = Q(suspended_at=None, user__is_active=True)
    if operator == "pr":
        return ~_NOTHING
    if operator not in {"eq", "ne"} or not isinstance(value, bool):
        raise InvalidFilter
    return is_active if value is (operator == "eq") else ~is_active


def _in_team(query: Q) -> Q:
    return Q(pk__in=TeamMember.objects.filter(query).values("team_id"))


_address: Any = _text("user__email")
_name: Any = _text("user__name")
_member: Any = _id("member_id", _in_team)

USERS: Mapping[str, Attribute] = {
    "id": _id("pk"),
    "externalid": _text("external_id", any_case=False),
    "username": _address,
    "emails": _address,
    "emails.value": _address,
    "emails.type": _fixed("work"),
    "displayname": _name,
    "name.formatted": _name,
    "active": _active,
}
GROUPS: Mapping[str, Attribute] = {
    "id": _id("pk"),
    "externalid": _text("external_id", any_case=False),
    "displayname": _text("name"),
    "members": _member,
    "members.value": _member,
}
