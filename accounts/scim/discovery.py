"""What this service provider can do, in SCIM's own terms (RFC 7643, sections 5 to 7)."""

from typing import Any

from accounts.scim.resources import GROUP, USER

PAGE = 200
_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:"


def service_provider_config(location: str) -> dict[str, Any]:
    return {
        "schemas": [f"{_SCHEMA}ServiceProviderConfig"],
        "patch": {"supported": True},
        "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": True, "maxResults": PAGE},
        "changePassword": {"supported": False},
        "sort": {"supported": False},
        "etag": {"supported": False},
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "Bearer token",
                "description": "A token that an administrator makes under Directory (SCIM) in the settings.",
                "primary": True,
            }
        ],
        "meta": {"resourceType": "ServiceProviderConfig", "location": f"{location}ServiceProviderConfig"},
    }


def resource_types(location: str) -> list[dict[str, Any]]:
    return [
        {
            "schemas": [f"{_SCHEMA}ResourceType"],
            "id": name,
            "name": name,
            "endpoint": f"/{name}s",
            "description": description,
            "schema": schema,
            "schemaExtensions": [],
            "meta": {"resourceType": "ResourceType", "location": f"{location}ResourceTypes/{name}"},
        }
        for name, schema, description in (("User", USER, "Members"), ("Group", GROUP, "Teams"))
    ]


def schemas(location: str) -> list[dict[str, Any]]:
    return [
        {
            "schemas": [f"{_SCHEMA}Schema"],
            "id": schema,
            "name": name,
            "description": description,
            "attributes": attributes,
            "meta": {"resourceType": "Schema", "location": f"{location}Schemas/{schema}"},
        }
        for schema, name, description, attributes in (
            (USER, "User", "A member of the organization", _USER_ATTRIBUTES),
            (GROUP, "Group", "A team", _GROUP_ATTRIBUTES),
        )
    ]


def _attribute(name: str, kind: str = "string", **others: Any) -> dict[str, Any]:
    return {
        "name": name,
        "type": kind,
        "multiValued": False,
        "description": "",
        "required": False,
        "caseExact": False,
        "mutability": "readWrite",
        "returned": "default",
        "uniqueness": "none",
        **others,
    }


_EXTERNAL_ID = _attribute("externalId", caseExact=True, uniqueness="server")
_USER_ATTRIBUTES = [
    _attribute("userName", required=True, uniqueness="global", description="The person's email address"),
    _EXTERNAL_ID,
    _attribute("displayName"),
    _attribute(
        "name",
        "complex",
        subAttributes=[_attribute("formatted"), _attribute("givenName"), _attribute("familyName")],
    ),
    _attribute("active", "boolean", description="False: suspended"),
    _attribute(
        "emails",
        "complex",
        multiValued=True,
        mutability="readOnly",
        description="One, the userName",
        subAttributes=[_attribute("value"), _attribute("type"), _attribute("primary", "boolean")],
    ),
    _attribute(
        "groups",
        "complex",
        multiValued=True,
        mutability="readOnly",
        subAttributes=[_attribute("value"), _attribute("display"), _attribute("$ref", "reference")],
    ),
]
_GROUP_ATTRIBUTES = [
    _attribute("displayName", required=True, uniqueness="server"),
    _EXTERNAL_ID,
    _attribute(
        "members",
        "complex",
        multiValued=True,
        subAttributes=[
            _attribute("value", mutability="immutable"),
            _attribute("display"),
            _attribute("$ref", "reference"),
        ],
    ),
]
