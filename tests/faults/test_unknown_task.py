"""While a new version is rolled out, an old worker meets nudges for tasks it does not know, and does the rest."""

import pytest

from agents.contracts import RunState
from jarvis_site.celery import app
from jarvis_site.local.process import wait_until
from tests.agents.plans import event, start
from tests.cast import Cast
from tests.faults.processes import Engine
from tests.faults.runs import kinds, run_now

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.timeout(300)]

UNKNOWN = "tests.of_tomorrow"
# More than the worker has places and takes in advance.
CROWD = 30
PATIENCE_SECONDS = 60


def test_a_worker_that_meets_tasks_of_another_version_does_the_others(cast: Cast, engine: Engine) -> None:
    with app.connection_for_write(engine.environment["CELERY_BROKER_URL"]) as connection:
        for number in range(CROWD):
            app.send_task(UNKNOWN, args=[number], connection=connection, retry=False, ignore_result=True)

    assert wait_until(lambda: UNKNOWN in engine.said(), seconds=PATIENCE_SECONDS), engine.said()
    run = start(cast.maya, event())

    finished = wait_until(lambda: run_now(run).state == RunState.SUCCEEDED, seconds=PATIENCE_SECONDS)
    assert finished, (kinds(run), engine.said())
    assert kinds(run).count("step.started") == 1
    assert engine.processes["worker"].poll() is None
