"""Every row that is committed gets exactly one link, whoever seals, however they end."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, connections, transaction
from django.db.utils import ProgrammingError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jarvis_site.audit import sealing
from jarvis_site.audit.chain import NOTHING
from jarvis_site.audit.models import AuditEvent, AuditUnsealed
from jarvis_site.kernel.tenancy import tenant
from tests.audit.records import chain_of, look, rows, waiting, without_gap, write
from tests.cast import Cast
from tests.faults.crash import frozen_child, in_child, lines_of

pytestmark = pytest.mark.django_db(transaction=True)

SEALERS = 4
TABLES = ("audit_auditlink", "audit_auditevent")


def whole(cast: Cast) -> bool:
    """Nothing waits; both chains are without a gap, and hold every row once."""
    chains = [chain_of(person) for person in (cast.maya, cast.ines)]
    linked = [link["event_id"] for chain in chains for link in chain]
    return (
        waiting() == 0
        and all(map(without_gap, chains))
        and sorted(linked) == sorted(row["id"] for row in rows("SELECT id FROM audit_auditevent"))
        and all(look(person).fault is None for person in (cast.maya, cast.ines))
    )


def test_rows_get_links_in_the_order_in_which_they_were_written(cast: Cast) -> None:
    write(cast.maya, rows=5)
    write(cast.ines, rows=3)
    write(cast.maya, rows=2)
    assert sealing.seal() == len(rows("SELECT id FROM audit_auditevent"))
    links = chain_of(cast.maya)
    assert links[0]["previous"] == NOTHING
    assert [link["previous"] for link in links[1:]] == [link["hash"] for link in links[:-1]]
    with tenant(cast.halden.id):
        assert [link["event_id"] for link in links] == list(
            AuditEvent.objects.order_by("id").values_list("id", flat=True)
        )
    assert whole(cast)


def test_more_than_a_batch_is_sealed_in_one_round(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BATCH", 3)
    write(cast.maya, rows=10)
    write(cast.ines, rows=10)
    sealing.seal()
    assert whole(cast)


def test_what_was_rolled_back_leaves_nothing(cast: Cast) -> None:
    sealing.seal()
    before = len(chain_of(cast.maya))
    _roll_back(cast)
    assert sealing.seal() == 0
    assert len(chain_of(cast.maya)) == before


def test_a_row_that_is_committed_late_comes_later(cast: Cast) -> None:
    """Its id is older than those of rows that have links already."""
    with transaction.atomic():
        write(cast.maya)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(_write_and_seal, cast).result()
    sealing.seal()
    assert whole(cast)
    ids = [str(link["event_id"]) for link in chain_of(cast.maya)]
    assert ids != sorted(ids)


def _write_and_seal(cast: Cast) -> None:
    try:
        write(cast.maya, rows=3)
        sealing.seal()
    finally:
        connections.close_all()


def test_several_sealers_at_once_make_no_link_twice(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BATCH", 7)
    write(cast.maya, rows=60)
    write(cast.ines, rows=60)
    together = Barrier(SEALERS)

    def seal() -> None:
        together.wait()
        try:
            while waiting():
                sealing.seal()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(SEALERS) as pool:
        for done in [pool.submit(seal) for _sealer in range(SEALERS)]:
            done.result()
    assert whole(cast)


def test_a_sealer_that_is_killed_at_any_line_leaves_no_gap(cast: Cast, record_property: Callable[..., None]) -> None:
    write(cast.maya, rows=2)
    lines = lines_of(sealing.seal)
    assert len(lines) > 20
    killed = 0
    for line in lines:
        write(cast.maya, rows=2)
        write(cast.ines)
        killed += in_child(sealing.seal, kill_at=line)
        sealing.seal()
        assert whole(cast), line
    assert killed > len(lines) / 2
    record_property("faults", ("sealer of the audit record", {"killed": killed, "gaps": 0, "doubles": 0}))


def test_a_frozen_sealer_that_comes_back_makes_no_link_twice(cast: Cast) -> None:
    write(cast.maya, rows=5)
    inserting = next(line for line in lines_of(sealing.seal) if "DELETE FROM audit_auditunsealed" in _source(line))
    write(cast.maya, rows=5)
    with frozen_child(sealing.seal, stop_at=inserting):
        assert sealing.seal() == 0, "one works at a time"
    sealing.seal()
    assert whole(cast)


def _source(line: tuple[str, int]) -> str:
    file, number = line
    with open(file) as source:  # noqa: PTH123 - a path of the interpreter's
        return source.readlines()[number - 1]


def test_what_does_not_belong_into_the_queue_is_taken_out(cast: Cast) -> None:
    write(cast.maya)
    sealing.seal()
    event = chain_of(cast.maya)[0]["event_id"]
    foreign = chain_of(cast.ines)[0]["event_id"]
    with tenant(cast.halden.id):
        AuditUnsealed.objects.bulk_create([AuditUnsealed(id=found) for found in (event, foreign, uuid4())])
    write(cast.maya)
    assert sealing.seal() == 1
    assert whole(cast)


def test_the_lag_is_the_age_of_what_waits_longest(cast: Cast) -> None:
    sealing.seal()
    assert sealing.lag() == 0
    write(cast.maya)
    first = sealing.lag()
    write(cast.ines)
    assert 0 < first < sealing.lag()


@pytest.mark.parametrize("alias", ["default", "platform"])
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("act", ["DELETE FROM {}", "UPDATE {} SET organization_id = organization_id", "TRUNCATE {}"])
def test_neither_role_changes_the_record_or_its_chain(cast: Cast, alias: str, table: str, act: str) -> None:
    refused(cast, alias, act.format(table))


def test_only_the_sealer_inserts_links_and_only_it_empties_the_queue(cast: Cast) -> None:
    sealing.seal()
    link = "INSERT INTO audit_auditlink SELECT * FROM audit_auditlink"
    refused(cast, "default", link)
    refused(cast, "default", "DELETE FROM audit_auditunsealed")
    refused(cast, "default", "UPDATE audit_auditunsealed SET id = gen_random_uuid()")
    with pytest.raises(DatabaseError, match="duplicate key"), connections["platform"].cursor() as cursor:
        cursor.execute(link)
    for act in ("ALTER TABLE audit_auditevent DISABLE TRIGGER ALL", "DROP FUNCTION audit_auditevent_enters_queue"):
        for alias in ("default", "platform"):
            with pytest.raises(ProgrammingError, match="must be owner"), connections[alias].cursor() as cursor:
                cursor.execute(act)


def refused(cast: Cast, alias: str, statement: str) -> None:
    with (
        tenant(cast.halden.id),
        connections[alias].cursor() as cursor,
        pytest.raises(ProgrammingError, match="permission denied"),
    ):
        cursor.execute(statement)


_ACTS = st.sampled_from(["maya", "ines", "seal", "seal one", "roll back", "open", "commit"])


@given(acts=st.lists(_ACTS, max_size=25))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_happens_in_whatever_order_the_chains_stay_whole(cast: Cast, acts: list[str]) -> None:
    """Late commits are by a thread of its own, whose transaction is open while others write and seal."""
    with ThreadPoolExecutor(1) as late:
        opened = False
        for act in acts:
            if act in {"open", "commit"}:
                opened = late.submit(_late, cast, act, opened).result()
            else:
                _do(cast, act)
        if opened:
            late.submit(_late, cast, "commit", opened).result()
        late.submit(connections.close_all).result()
    while waiting():
        sealing.seal()
    assert whole(cast)


def _do(cast: Cast, act: str) -> None:
    if act == "seal":
        sealing.seal()
    elif act == "seal one":
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sealing, "BATCH", 1)
            sealing.seal_batch()
    elif act == "roll back":
        _roll_back(cast)
    else:
        write(getattr(cast, act), rows=2)


def _roll_back(cast: Cast) -> None:
    with transaction.atomic():
        write(cast.maya)
        transaction.set_rollback(True)


_open: dict[str, Any] = {}


def _late(cast: Cast, act: str, opened: bool) -> bool:
    if act == "open" and not opened:
        _open["transaction"] = transaction.atomic()
        _open["transaction"].__enter__()
        write(cast.ines)
        return True
    if act == "commit" and opened:
        _open.pop("transaction").__exit__(None, None, None)
        return False
    return opened
