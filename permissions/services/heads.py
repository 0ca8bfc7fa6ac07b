"""Saying that something has changed by which calls are decided."""

from django.db import connection

from jarvis_site.kernel.ids import uuid7
from jarvis_site.kernel.tenancy import current_organization

_CHANGE = """
    INSERT INTO permissions_policyhead (id, organization_id, version, changes)
    VALUES (%(id)s, %(organization)s, %(rules)s, 1)
    ON CONFLICT (organization_id) DO UPDATE
    SET changes = permissions_policyhead.changes + 1, version = permissions_policyhead.version + %(rules)s
"""


def changed(*, rules: bool = False) -> None:
    """Let every process read anew what holds in the current organization; see `permissions.standing`.

    Args:
        rules: the organization's rules are others now, so that what people have answered before is worth nothing.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CHANGE, {"id": uuid7(), "organization": current_organization(), "rules": int(rules)})
