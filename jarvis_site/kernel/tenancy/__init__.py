"""Two walls between organizations: the ORM's scope (`models`), and row-level security (`constraints`, `pg`)."""

from jarvis_site.kernel.tenancy.scope import (
    ForeignTenant,
    NoTenant,
    all_tenants,
    at_the_door,
    current_member,
    current_organization,
    current_organization_or_none,
    current_scope,
    current_user,
    signed_in,
    tenant,
)

__all__ = [
    "ForeignTenant",
    "NoTenant",
    "all_tenants",
    "at_the_door",
    "current_member",
    "current_organization",
    "current_organization_or_none",
    "current_scope",
    "current_user",
    "signed_in",
    "tenant",
]
