"""What runs hold, and when they go.

Plans and events are append-only for every role that the site signs in as. They go with their run, by the database's own
cascade, and a run may be deleted by the platform's role alone: see docs/adr/0015.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from django.db import connections, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from agents.models import HumanAnswer, Run, SavedView
from agents.selectors import runs_unfinished
from agents.workflows.runs import run_cancel
from jarvis_site.audit.data_rights import words_forget
from jarvis_site.kernel.data_rights import BATCH, Kind, Subject, Table, declare, deleted
from jarvis_site.kernel.errors import Conflict, NotFound
from jarvis_site.kernel.ids import first_at
from jarvis_site.kernel.tenancy import current_organization
from jarvis_site.kernel.tenancy.router import PLATFORM_ALIAS
from permissions.data_rights import consents_forget
from permissions.services import consents_withdraw

_FORGET = "DELETE FROM agents_run WHERE organization_id = %s AND id = ANY(%s) AND finished_at IS NOT NULL"


def stop(member_id: UUID) -> None:
    """Cancel what runs for the member."""
    for run_id in runs_unfinished().filter(member_id=member_id).values_list("id", flat=True):
        with suppress(Conflict, NotFound), transaction.atomic():
            run_cancel(run_id=run_id, reason="")
            consents_withdraw(run_id=run_id)


def erase(subject: Subject) -> Iterator[int]:
    yield from deleted(HumanAnswer.objects.filter(member_id=subject.member_id))
    runs = Run.objects.filter(member_id=subject.member_id, finished_at__isnull=False)
    yield from words_forget(run_ids=runs.values("id"))
    yield from _deleted(runs)


def overdue(before: datetime) -> QuerySet[Run]:
    """Finished runs; one that waits for somebody is kept, however old it is."""
    return Run.objects.filter(id__lt=first_at(before), finished_at__lt=before)


def clean(before: datetime) -> Iterator[int]:
    return _deleted(overdue(before))


def _deleted(runs: QuerySet[Run]) -> Iterator[int]:
    ordered = runs.order_by("pk").values_list("pk", flat=True)
    batch = list(ordered[:BATCH])
    while batch:
        consents_forget(run_ids=batch)
        yield _forget(batch)
        batch = list(ordered.filter(pk__gt=batch[-1])[:BATCH])


def _forget(run_ids: list[UUID]) -> int:
    with transaction.atomic(using=PLATFORM_ALIAS), connections[PLATFORM_ALIAS].cursor() as cursor:
        cursor.execute(_FORGET, [current_organization(), run_ids])
        return int(cursor.rowcount)


declare(
    Kind(
        name="runs",
        label=_("runs"),
        on_erasure=_(
            "What is under way is stopped. Then all runs are deleted, with plans, steps, results, questions to people "
            "and events; and the person's answers in the runs of others."
        ),
        tables=(
            Table("agents.Run", about=_("a request that was carried out"), person="member_id", hidden=("last_number",)),
            Table("agents.Plan", about=_("a version of a run's plan"), person="run__member_id"),
            Table("agents.Step", about=_("a step of a run, with what it was given and gave"), person="run__member_id"),
            Table("agents.RunEvent", about=_("something that happened in a run"), person="run__member_id"),
            Table("agents.HumanTask", about=_("what people were asked in a run"), person="run__member_id"),
            Table("agents.HumanAnswer", about=_("somebody who was asked, and the answer"), person="member_id"),
        ),
        stop=stop,
        erase=erase,
        overdue=overdue,
        clean=clean,
    )
)

declare(
    Kind(
        name="run_views",
        label=_("saved views of runs"),
        on_erasure=_("Deleted."),
        tables=(Table("agents.SavedView", about=_("a search in the list of runs, with a name"), person="member_id"),),
        erase=lambda subject: deleted(SavedView.objects.filter(member_id=subject.member_id)),
        stays=_("They stay until they are removed by hand."),
    )
)

declare(
    Kind(
        name="limits",
        label=_("limits and what was used"),
        on_erasure=_(
            "Limits of the person go with the membership. How much was used stays, as numbers without contents."
        ),
        tables=(
            Table("agents.Limit", about=_("how much may be used"), person="member_id"),
            Table("agents.Spending", about=_("how much was used in a period")),
            Table("agents.Reservation", about="", exported=False),
        ),
        stays=_("Numbers only, which the organization needs for its own accounts."),
    )
)
