"""Keeping of the diary."""

from datetime import datetime
from uuid import UUID

from activities.models import Activity


def activity_keep(
    *, member_id: UUID, source: str, kind: str, icon: str, title: str, run_id: UUID | None, at: datetime
) -> None:
    """Store an act once; hearing of it again changes nothing."""
    Activity.objects.get_or_create(
        source=source,
        defaults={"member_id": member_id, "kind": kind, "icon": icon, "title": title, "run_id": run_id, "at": at},
    )
