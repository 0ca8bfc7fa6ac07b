"""After a change of SECRET_KEY: wrap the keys of words anew, so that the old one can be forgotten."""

from uuid import UUID

from django.db import transaction

from jarvis_site.audit import words
from jarvis_site.audit.models import AuditKey
from jarvis_site.kernel.tenancy import tenant

BATCH = 500


def rewrap(*, organization_id: UUID) -> tuple[int, int]:
    """Wrap all keys of an organization with the present SECRET_KEY. Returns how many, and how many cannot be opened.

    It may be broken off and begun again.
    """
    done = lost = 0
    after = UUID(int=0)
    with tenant(organization_id):
        while True:
            with transaction.atomic():
                page = _page(after)
                wrapped = [key for key in page if _wrap_anew(key)]
                AuditKey.objects.bulk_update(wrapped, ["key", "addresses"])
            if not page:
                return done, lost
            done, lost, after = done + len(wrapped), lost + len(page) - len(wrapped), page[-1].id


def _page(after: UUID) -> list[AuditKey]:
    rows = AuditKey.objects.filter(id__gt=after).select_related("event").select_for_update(of=("self",))
    return list(rows.order_by("id")[:BATCH])


def _wrap_anew(row: AuditKey) -> bool:
    place = words.Place(row.organization_id, row.event_id)
    try:
        key = words.key_of(row.key, place=place)
        said = words.opened(row.event.words_sealed, row.key, place=place)
    except words.Unreadable:
        return False
    row.key = words.wrap(key, place)
    row.addresses = words.marks(said, organization_id=row.organization_id)
    return True
