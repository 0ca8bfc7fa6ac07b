"""PATCH of RFC 7644, section 3.5.2, on a resource as JSON, in the dialects of Okta and Entra ID.

Entra writes `Replace` with a capital and booleans as texts, names what to remove from a list in the value instead of
the path, and puts whole paths into the keys of a value without a path. Attributes that we do not keep are let through:
a directory that also knows a person's title must be able to say that the person has left.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from accounts.scim.errors import Immutable, InvalidSyntax, InvalidValue, NoTarget
from accounts.scim.filters import Comparison, Joined, Node, Path, holds, parse_path

type Resource = dict[str, Any]

# Far above what a directory sends at once.
MOST_OPERATIONS = 1_000
LISTS = frozenset({"emails", "members", "groups", "phonenumbers", "addresses", "roles", "entitlements"})
READ_ONLY = frozenset({"id", "meta", "groups"})
_BOOLEANS = {"true": True, "false": False}


def patched(resource: Resource, body: Mapping[str, Any]) -> Resource:
    """Return the resource as it is after all operations of a PATCH body. `resource` itself stays as it was.

    Raises:
        InvalidSyntax, InvalidPath, InvalidValue, NoTarget, Immutable: nothing may be kept of the others either.
    """
    operations = member(body, "Operations")
    if not isinstance(operations, list) or not 0 < len(operations) <= MOST_OPERATIONS:
        raise InvalidSyntax
    after = deepcopy(resource)
    for operation in operations:
        if not isinstance(operation, dict):
            raise InvalidSyntax
        _operate(after, operation)
    return after


def member(mapping: Mapping[str, Any], name: str) -> Any:
    """A value by its name in any case; None when it is not there."""
    return mapping.get(_key(mapping, name))


def flag(value: Any) -> Any:
    """Entra's "False" is a boolean; everything else stays."""
    return _BOOLEANS.get(value.lower(), value) if isinstance(value, str) else value


def _operate(resource: Resource, operation: Mapping[str, Any]) -> None:
    name, path, value = (member(operation, key) for key in ("op", "path", "value"))
    kind = name.lower() if isinstance(name, str) else ""
    if kind not in {"add", "replace", "remove"}:
        raise InvalidSyntax
    if path is None or path == "":
        _without_path(resource, kind, value)
    elif isinstance(path, str):
        _apply(resource, kind, parse_path(path), value)
    else:
        raise InvalidSyntax


def _without_path(resource: Resource, kind: str, value: Any) -> None:
    if kind == "remove":
        raise NoTarget
    if not isinstance(value, dict):
        raise InvalidValue
    for key, item in value.items():
        if key.lower() == "schemas":
            continue
        if key.lower().startswith("urn:") and isinstance(item, dict):
            continue  # a whole extension, of which nothing is kept
        _apply(resource, kind, parse_path(key), item)


def _apply(resource: Resource, kind: str, path: Path, value: Any) -> None:
    if path.attribute in READ_ONLY:
        _refuse_other(resource, path, value)
    elif path.condition is not None:
        _apply_to_elements(resource, kind, path, path.condition, value)
    elif path.sub:
        _apply_to_sub(resource, kind, path, value)
    elif path.attribute in LISTS:
        _apply_to_list(resource, kind, path.attribute, value)
    else:
        _apply_to_value(resource, kind, path.attribute, value)


def _refuse_other(resource: Resource, path: Path, value: Any) -> None:
    """Okta sends the id along with what it changes; it has to be the same."""
    if path.attribute == "id" and value != member(resource, "id"):
        raise Immutable


def _apply_to_value(resource: Resource, kind: str, name: str, value: Any) -> None:
    key = _key(resource, name)
    if kind == "remove":
        resource.pop(key, None)
    elif isinstance(resource.get(key), dict) and isinstance(value, dict):
        for part, item in value.items():
            resource[key][_key(resource[key], part)] = item
    else:
        resource[key] = value


def _apply_to_list(resource: Resource, kind: str, name: str, value: Any) -> None:
    key = _key(resource, name)
    if kind == "remove":
        gone = _values(value) if value else None
        resource[key] = [] if gone is None else _rest(resource, key, lambda item: _value_of(item) in gone)
        return
    items = _elements(value)
    if kind == "replace":
        resource[key] = items
        return
    known = _values(resource.get(key) or [])
    resource[key] = [*(resource.get(key) or []), *(item for item in items if _value_of(item) not in known)]


def _apply_to_sub(resource: Resource, kind: str, path: Path, value: Any) -> None:
    key = _key(resource, path.attribute)
    if path.attribute in LISTS:
        targets = resource.setdefault(key, []) or []
        if not targets and kind != "remove":
            resource[key] = targets = [{}]
    else:
        if not isinstance(resource.get(key), dict):
            resource[key] = {}
        targets = [resource[key]]
    for target in targets:
        _set(target, kind, path.sub, value)


def _apply_to_elements(resource: Resource, kind: str, path: Path, condition: Node, value: Any) -> None:
    key = _key(resource, path.attribute)
    if kind == "remove" and not path.sub:
        resource[key] = _rest(resource, key, lambda item: holds(condition, item))
        return
    targets = [item for item in resource.get(key) or [] if holds(condition, item)]
    if not targets and kind != "remove":
        # Entra adds an address as `emails[type eq "work"].value`: the condition says what the new one looks like.
        targets = [_made_by(condition)]
        resource[key] = [*(resource.get(key) or []), *targets]
    for target in targets:
        if path.sub:
            _set(target, kind, path.sub, value)
        elif isinstance(value, dict):
            target.update(value)
        else:
            raise InvalidValue


def _set(target: Resource, kind: str, name: str, value: Any) -> None:
    if kind == "remove":
        target.pop(_key(target, name), None)
    else:
        target[_key(target, name)] = value


def _made_by(condition: Node) -> Resource:
    match condition:
        case Comparison(attribute=attribute, operator="eq", value=value):
            return {attribute: value}
        case Joined(word="and", parts=parts):
            return {name: value for part in parts for name, value in _made_by(part).items()}
    raise NoTarget


def _rest(resource: Resource, key: str, gone: Callable[[Resource], bool]) -> list[Resource]:
    return [item for item in resource.get(key) or [] if not gone(item)]


def _elements(value: Any) -> list[Resource]:
    items = value if isinstance(value, list) else [value]
    elements = [{"value": item} if isinstance(item, str) else item for item in items]
    if not all(isinstance(item, dict) for item in elements):
        raise InvalidValue
    return elements


def _values(value: Any) -> set[str]:
    return {_value_of(item) for item in _elements(value)}


def _value_of(item: Mapping[str, Any]) -> str:
    return str(member(item, "value"))


def _key(mapping: Mapping[str, Any], name: str) -> str:
    """The key under which an attribute stands, whatever its case."""
    return next((key for key in mapping if key.lower() == name.lower()), name)
