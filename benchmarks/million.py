"""A million finished runs of one organization, with a step and two events each, written past the application."""

from typing import Any

RUNS = 1_000_000
_STATEMENTS = (
    # The rows are right by themselves; checking each key would take an hour.
    "SET session_replication_role = replica",
    """
    INSERT INTO agents_run (id, organization_id, member_id, goal, state, plan_version, approval, replans, depth, limits,
        last_number, created_at, finished_at)
    SELECT planted.id, %(organization)s, %(member)s, 'Planted', 'succeeded', 1, 'steps', 0, 0, '{}', 2,
        now() - planted.number * interval '10 seconds', now() - planted.number * interval '10 seconds'
    FROM planted
    """,
    """
    INSERT INTO agents_step (id, organization_id, run_id, key, position, tool, title, arguments, depends_on, needs,
        only_if, parent, version, undoes, critical, icon, read_only, idempotent, risk, reversibility, state, unmet,
        attempt, repetition, not_before, waits_for, nudged_at, started_at, finished_at, verdict, rule, rule_reason,
        failure_code, failure_message)
    SELECT gen_random_uuid(), %(organization)s, planted.id, '0', 0, 'files.list', 'List', '{}', '[]', '[]', '[]', '', 1,
        '', true, 'list', true, true, 'read', 'none_needed', 'succeeded', 0, 1, 0, now(), '', now(), now(), now(),
        'allow', 'reads', '', '', ''
    FROM planted
    """,
    """
    INSERT INTO agents_runevent (id, organization_id, run_id, number, at, kind, step, data)
    SELECT gen_random_uuid(), %(organization)s, planted.id, number, now(), 'step.succeeded', '0', '{}'
    FROM planted, generate_series(1, 2) AS number
    """,
)


def plant(actor: Any) -> None:
    import psycopg
    from django.conf import settings

    owner = settings.DATABASES["owner"]
    host = owner.get("HOST") or owner["OPTIONS"]["host"]
    who = {"organization": actor.organization_id, "member": actor.member_id, "runs": RUNS}
    with psycopg.connect(host=host, user="postgres", dbname=owner["NAME"], autocommit=True) as server:
        server.execute("CREATE TEMP TABLE planted (number integer, id uuid)")
        server.execute("INSERT INTO planted SELECT n, uuidv7() FROM generate_series(1, %(runs)s) AS n", who)
        for statement in _STATEMENTS:
            server.execute(statement, who if "%(" in statement else None)
        server.execute("ANALYZE agents_run, agents_step, agents_runevent")
