"""What members are called, the former ones too."""

from collections.abc import Iterable
from uuid import UUID

from accounts.models import Membership


def member_names(member_ids: Iterable[UUID | None]) -> dict[UUID | None, str]:
    """Names for showing, by membership, of members past and present. Who was erased is called a former member."""
    rows = Membership.objects.select_related("user").filter(id__in={found for found in member_ids if found})
    return {member.id: str(member.user) for member in rows}
