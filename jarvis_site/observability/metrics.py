"""Prometheus metrics: of requests, which this process counts, and of ticks, which the workers' leader reports.

Labels are names of routes and ticks, never paths: a path would make a series per object.
"""

from collections.abc import Iterator

from prometheus_client import REGISTRY, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from jarvis_site.kernel import ticks

REQUESTS = Counter("jarvis_http_requests_total", "HTTP requests", ["route", "method", "status"])
SECONDS = Histogram("jarvis_http_request_seconds", "Duration of HTTP requests", ["route"])


class TickCollector(Collector):
    """What the leader has put into the shared cache. Without Valkey these series are missing and the others are not."""

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Their names, so that the registry need not ask Valkey for them when it is imported."""
        yield from (_times(), _lags())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            found = ticks.reported()
        except RedisError:
            return
        yield _filled(_times(), found.times)
        yield _filled(_lags(), found.lags)


def _times() -> GaugeMetricFamily:
    name = "jarvis_tick_success_timestamp_seconds"
    return GaugeMetricFamily(name, "When a tick last succeeded, by the clock of the database", labels=["tick"])


def _lags() -> GaugeMetricFamily:
    name = "jarvis_tick_lag_seconds"
    return GaugeMetricFamily(name, "How long the oldest due row waited when the tick last looked", labels=["tick"])


def _filled(family: GaugeMetricFamily, values: dict[str, float]) -> GaugeMetricFamily:
    for name, value in sorted(values.items()):
        family.add_metric([name], value)
    return family


REGISTRY.register(TickCollector())
