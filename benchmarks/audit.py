"""The audit record: rows sealed a second over many organizations, and how long a million rows take to verify.

Run as a program of its own, in the environment of a running site, because it needs Django set up for that database. The
site's own sealer is kept out, so that only one is measured.
"""

import argparse
import os
import subprocess
import sys
import time
from typing import Any
from uuid import UUID

from tests.local.site import Site

ORGANIZATIONS, ROWS_EACH = 200, 100
VERIFIED = 1_000_000
# Rows as steps write them: most without words, some with.
_PLANT = """
    INSERT INTO audit_auditevent (id, organization_id, member_id, action, resource_type, resource_id, run_id, decision,
        details, request_id, words_digest, words_sealed)
    SELECT uuidv7(), organization, gen_random_uuid(), 'step.succeeded', 'agents.step', gen_random_uuid()::text,
        gen_random_uuid(), 'allow', '{"tool": "files.list", "attempt": 1}', gen_random_uuid()::text, '', ''
    FROM unnest(%(organizations)s::uuid[]) AS organization, generate_series(1, %(rows)s)
"""


def measure(site: Site) -> None:
    environment = {**site.environment, "DJANGO_SETTINGS_MODULE": "jarvis_site.settings"}
    subprocess.run([sys.executable, "-m", "benchmarks.audit"], env=environment, check=True)


def _main() -> None:
    import django

    django.setup()
    from benchmarks.figures import Figure, show
    from jarvis_site.kernel.ids import uuid7

    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=VERIFIED)
    asked = parser.parse_args()
    many = [_organization(uuid7(), number) for number in range(ORGANIZATIONS)]
    one = _organization(uuid7(), ORGANIZATIONS)
    rate = _sealed(many, ROWS_EACH)
    single = _sealed([one], asked.rows)
    seconds, report = _verified(one)
    assert (report.fault, report.rows) == (None, asked.rows), report
    written = _written(many[0])
    show(
        "Audit record",
        [
            Figure(f"rows sealed a second, {ORGANIZATIONS} organizations", f"{rate:.0f}", "500"),
            Figure(f"rows sealed a second, {asked.rows:,} of one", f"{single:.0f}"),
            Figure(f"verifying {asked.rows:,} rows", f"{seconds:.1f} s", "60 s for a million"),
            Figure("recording a row with words, ten in a transaction", f"{written * 1e6:.0f} µs"),
        ],
    )


def _server() -> Any:
    """Past the policies, as a superuser: planting is not what is measured."""
    import psycopg
    from django.conf import settings

    owner = settings.DATABASES["owner"]
    host = owner.get("HOST") or owner["OPTIONS"]["host"]
    return psycopg.connect(host=host, user="postgres", dbname=owner["NAME"], autocommit=True)


def _organization(organization_id: UUID, number: int) -> UUID:
    from accounts.models import Organization
    from jarvis_site.kernel.tenancy import all_tenants

    with all_tenants():
        Organization.objects.create(id=organization_id, name=f"Bench {number}", slug=f"bench-{number}")
    return organization_id


def _sealed(organizations: list[UUID], rows: int) -> float:
    """Plant rows while the site's sealer is kept out, and seal them. Returns how many a second."""
    from jarvis_site.audit import sealing

    with _server() as server:
        server.execute("SET session_replication_role = replica")  # the queue is filled at once, behind
        server.execute(_PLANT, {"organizations": organizations, "rows": rows})
        server.execute("SELECT pg_advisory_lock(%s)", [sealing._LOCK])
        queue = "INSERT INTO audit_auditunsealed (id, organization_id) SELECT id, organization_id FROM audit_auditevent"
        server.execute(f"{queue} WHERE organization_id = ANY(%s)", [organizations])
        server.execute("ANALYZE audit_auditevent, audit_auditunsealed, audit_auditlink")
        begin = time.perf_counter()
        server.execute("SELECT pg_advisory_unlock(%s)", [sealing._LOCK])
        while server.execute("SELECT count(*) FROM audit_auditunsealed").fetchone()[0]:
            if not sealing.seal():
                time.sleep(0.01)  # the site's own has the lock for a batch
        seconds = time.perf_counter() - begin
        server.execute("VACUUM ANALYZE audit_auditunsealed, audit_auditlink")
    return rows * len(organizations) / seconds


def _verified(organization_id: UUID) -> tuple[float, Any]:
    from jarvis_site.audit.verifying import verify

    begin = time.perf_counter()
    report = verify(organization_id=organization_id)
    return time.perf_counter() - begin, report


def _written(organization_id: UUID, *, transactions: int = 300, rows: int = 10) -> float:
    from django.db import transaction

    from jarvis_site.audit import record
    from jarvis_site.kernel.tenancy import tenant

    begin = time.perf_counter()
    with tenant(organization_id):
        for _transaction in range(transactions):
            with transaction.atomic():
                for number in range(rows):
                    record(action="bench.done", resource=f"bench:{number}", reason="because somebody has asked for it")
    return (time.perf_counter() - begin) / (transactions * rows)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "jarvis_site.settings")
    _main()
