"""The Celery application. The broker, Valkey or RabbitMQ, carries nudges only; the truth is in PostgreSQL."""

import os
import sys
from typing import Any

from celery import Celery
from celery.app.amqp import AMQP
from celery.signals import worker_init, worker_ready, worker_shutting_down
from kombu.connection import Connection

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "jarvis_site.settings")

_TURN_SECONDS = 0.0005
# A broker that is cut off is noticed after twice this long; Valkey's connections have no such thing.
_HEARTBEAT_SECONDS = 10

# A broker that is back is found again within this long; Celery's own pauses grow to half a minute.
_LONGEST_PAUSE_SECONDS = 3


class _EagerConnection(Connection):
    def ensure_connection(self, *given: Any, **named: Any) -> Connection:
        pauses = {"interval_start": 1, "interval_step": 1, "interval_max": _LONGEST_PAUSE_SECONDS}
        found: Connection = super().ensure_connection(*given, **(pauses | named))  # type: ignore[no-untyped-call]  # kombu
        return found


class _Amqp(AMQP):
    Connection = _EagerConnection


app = Celery("jarvis", amqp=_Amqp)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    # A lost nudge is repeated: RabbitMQ need not write each to its disk.
    task_default_delivery_mode="transient",
    # With the default prefetch, tasks stalled after a restart of the broker in four of four runs.
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_heartbeat=_HEARTBEAT_SECONDS,
    # A nudge must not hold up a request when the broker is away: without `max_retries` each waits for six seconds.
    # Workers reconnect by `broker_connection_max_retries`, not by this. RabbitMQ knows the last one only, and lets the
    # others be.
    broker_transport_options={"socket_connect_timeout": 2, "visibility_timeout": 600, "max_retries": 0},
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
    timezone="UTC",
)
app.autodiscover_tasks()


@worker_init.connect
def _take_turns_often(**_given: object) -> None:
    """A thread that comes back from the database waits for one that computes: by default 5 ms at each statement, while
    it may hold row locks that people wait for."""
    sys.setswitchinterval(_TURN_SECONDS)


@worker_ready.connect
def _start_clockwork(**_given: object) -> None:
    # Settings and apps are loaded by now; this module is imported before them.
    from jarvis_site.kernel.leader import Clockwork

    clockwork = Clockwork()
    worker_shutting_down.connect(lambda **_given: clockwork.stop(), weak=False)
    clockwork.start()


@worker_shutting_down.connect
def _end_in_time(**_given: object) -> None:
    from jarvis_site.kernel.draining import end_in_time

    end_in_time()
