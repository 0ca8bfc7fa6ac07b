"""The Celery application. The broker carries nudges and ticks; the truth is in PostgreSQL."""

import os
import sys

from celery import Celery
from celery.signals import worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "jarvis_site.settings")

# A tick that waited longer than this is worthless: the next one is already there.
_TICK_EXPIRES_SECONDS = 10
_TURN_SECONDS = 0.0005


def _tick(task: str, seconds: float) -> dict[str, object]:
    return {"task": task, "schedule": seconds, "options": {"expires": _TICK_EXPIRES_SECONDS, "ignore_result": True}}


app = Celery("jarvis")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    # With the default prefetch, tasks stalled after a restart of the broker in four of four runs.
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    # A nudge must not hold up a request when the broker is away: without `max_retries` each waits for six seconds.
    # Workers reconnect by `broker_connection_max_retries`, not by this.
    broker_transport_options={"socket_connect_timeout": 2, "visibility_timeout": 600, "max_retries": 0},
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
    timezone="UTC",
    beat_schedule={
        "relay": _tick("kernel.relay", 1.0),
        "site_mail": _tick("accounts.relay_site_mail", 5.0),
        "sweep": _tick("agents.sweep", 1.0),
        "consents": _tick("permissions.expire", 30.0),
        "reminders": _tick("calendar.ring", 10.0),
        "data_rights": _tick("accounts.keep_data_rights", 60.0),
        "clean_ups": _tick("accounts.start_clean_ups", 900.0),
        "domains": _tick("accounts.look_at_domains", 900.0),
    },
)
app.autodiscover_tasks()


@worker_init.connect
def _take_turns_often(**_given: object) -> None:
    """A thread that comes back from the database waits for one that computes: by default 5 ms at each statement, while
    it may hold row locks that people wait for."""
    sys.setswitchinterval(_TURN_SECONDS)
