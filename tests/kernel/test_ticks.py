"""Ticks: one leader at a time, and none of them holds up another."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from jarvis_site.celery import app
from jarvis_site.kernel import leader, ticks
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.jobs import declare
from jarvis_site.kernel.jobs import worker as jobs
from jarvis_site.kernel.leader import Clockwork, Leadership
from jarvis_site.kernel.models import Job
from jarvis_site.kernel.tenancy import tenant
from jarvis_site.kernel.ticks import Tick
from jarvis_site.local.process import wait_until
from tests.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE_SECONDS = 20
IDLE_SECONDS = 1.0
LATER = declare("tests.later")


@LATER.handler
def later() -> None:
    """It only has to be due."""


@pytest.fixture
def candidates() -> Iterator[tuple[Leadership, Leadership]]:
    first, second = Leadership(), Leadership()
    yield first, second
    first.let_go()
    second.let_go()


def test_one_leads_until_it_lets_go(candidates: tuple[Leadership, Leadership]) -> None:
    first, second = candidates

    assert [first.confirm(), second.confirm(), first.confirm()] == [True, False, True]
    first.let_go()
    assert wait_until(second.confirm, seconds=PATIENCE_SECONDS)
    assert not first.confirm()


def test_one_that_is_not_heard_of_is_replaced_and_finds_out(
    candidates: tuple[Leadership, Leadership], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leader, "IDLE_SECONDS", IDLE_SECONDS)
    first, second = candidates
    assert first.confirm()
    began = time.monotonic()

    assert wait_until(second.confirm, seconds=PATIENCE_SECONDS)  # while the first one says nothing

    assert time.monotonic() - began >= IDLE_SECONDS * 0.9
    assert not first.confirm()
    assert not first.confirm(), "it stands for election again, and waits"
    assert second.confirm()


@pytest.fixture
def clockwork(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Tick]]:
    """The ticks that a started clockwork has; tests add theirs before they start it."""
    declared: list[Tick] = []
    monkeypatch.setattr(ticks, "declared", lambda: declared)
    monkeypatch.setattr(leader, "BEAT_SECONDS", 0.02)
    monkeypatch.setattr(ticks, "_times", {})
    monkeypatch.setattr(ticks, "_lags", {})
    started: list[Clockwork] = []
    monkeypatch.setattr(Clockwork, "start", lambda self: (started.append(self), threading.Thread.start(self)))
    yield declared
    for one in started:
        one.stop()
        one.join(PATIENCE_SECONDS)


def test_a_tick_that_hangs_or_fails_holds_up_no_other(clockwork: list[Tick]) -> None:
    rounds, hanging, go_on = [], threading.Event(), threading.Event()

    def hang() -> None:
        hanging.set()
        go_on.wait(PATIENCE_SECONDS)

    def fail() -> None:
        rounds.append("failed")
        raise ZeroDivisionError

    clockwork += [
        Tick(name="tests.hangs", every=0.05, work=hang),
        Tick(name="tests.fails", every=0.05, work=fail),
        Tick(name="tests.works", every=0.05, work=lambda: rounds.append("worked")),
    ]
    Clockwork().start()

    assert hanging.wait(PATIENCE_SECONDS)
    enough = wait_until(lambda: min(rounds.count("failed"), rounds.count("worked")) >= 3, seconds=PATIENCE_SECONDS)
    go_on.set()
    assert enough, rounds
    assert "tests.works" in ticks._times
    assert "tests.fails" not in ticks._times, "only a success counts as one"


def test_two_workers_do_not_both_tick(clockwork: list[Tick]) -> None:
    who: set[int] = set()
    rounds: list[None] = []

    def work() -> None:
        who.add(threading.get_ident())
        rounds.append(None)

    clockwork.append(Tick(name="tests.works", every=0.02, work=work))
    for _ in range(2):
        Clockwork().start()

    assert wait_until(lambda: len(rounds) >= 20, seconds=PATIENCE_SECONDS)
    assert len(who) == 1


def test_every_repair_is_ticked_and_says_its_lag() -> None:
    app.loader.import_default_modules()
    declared = {tick.name: tick for tick in ticks.declared()}

    assert {"kernel.relay", "agents.sweep", "accounts.relay_site_mail", "permissions.expire"} <= set(declared)
    for name in ("kernel.relay", "agents.sweep", "accounts.relay_site_mail"):
        lag = declared[name].lag
        assert lag is not None
        assert lag() == 0, name


def test_the_lag_is_how_long_the_oldest_due_row_waits(cast: Cast) -> None:
    with tenant(cast.halden.id):
        job_id = LATER.enqueue()
        Job.objects.filter(id=job_id).update(not_before=db_now(plus=-timedelta(seconds=90)))
        LATER.enqueue()

    assert 90 <= jobs.lag() < 90 + PATIENCE_SECONDS


def test_metrics_tell_what_the_leader_measured(client: Client, clockwork: list[Tick]) -> None:
    cache.delete_many([ticks._TIMES, ticks._LAGS])
    clockwork += [
        Tick(name="tests.works", every=0.05, work=list, lag=lambda: 12.5),
        Tick(name="kernel.report", every=0.05, work=ticks.report),
    ]
    Clockwork().start()

    assert wait_until(lambda: "tests.works" in ticks.reported().times, seconds=PATIENCE_SECONDS)
    text = client.get("/metrics").content.decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    lags = {sample.labels["tick"]: sample.value for sample in families["jarvis_tick_lag_seconds"].samples}
    times = {s.labels["tick"]: s.value for s in families["jarvis_tick_success_timestamp_seconds"].samples}
    assert lags == {"tests.works": 12.5}
    assert abs(times["tests.works"] - time.time()) < PATIENCE_SECONDS


def test_metrics_answer_without_valkey(client: Client, settings: Settings) -> None:
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "unix:///nowhere/valkey.sock"}}

    answer = client.get("/metrics")

    assert answer.status_code == 200
    assert b"jarvis_http_requests_total" in answer.content
    assert b"jarvis_tick_lag_seconds{" not in answer.content
