"""What operators look at: /healthz, /readyz, /metrics, and the request id that joins logs and audit rows."""

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from jarvis_site.kernel.ids import uuid7
from tests.cast import Cast
from tests.model_server import free_port


def test_a_living_process_says_so_without_looking_at_anything(client: Client) -> None:
    answer = client.get("/healthz")

    assert (answer.status_code, answer.content) == (200, b"ok\n")
    assert "no-cache" in answer["Cache-Control"]


@pytest.mark.django_db
def test_a_process_with_database_and_broker_is_ready(client: Client) -> None:
    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()) == (
        200,
        {"ready": True, "database": "ok", "broker": "ok", "live_updates": "ok"},
    )


@pytest.mark.django_db
def test_a_process_without_its_valkey_is_not_ready(client: Client, settings: Settings) -> None:
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"

    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["live_updates"]) == (503, "does not answer")


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["redis+socket:///nowhere/valkey.sock", "amqp://guest:guest@127.0.0.1:{port}//"])
def test_a_process_without_a_broker_for_nudges_is_not_ready(
    client: Client, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", address.format(port=free_port()))

    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["broker"]) == (503, "does not answer")


@pytest.mark.parametrize("address", ["/healthz", "/readyz", "/metrics"])
def test_probes_only_read(client: Client, address: str) -> None:
    assert client.post(address).status_code == 405


@pytest.mark.django_db
def test_metrics_count_routes_and_never_name_an_object(cast: Cast, client: Client) -> None:
    secret = uuid7()
    cast.maya.client().get(f"/o/{cast.maya.slug}/runs/{secret}/")
    client.get(f"/no/such/{secret}/")

    text = client.get("/metrics").content.decode()

    assert str(secret) not in text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    counted = {(s.labels["route"], s.labels["status"]) for s in families["jarvis_http_requests"].samples if s.value}
    assert {("agents:detail", "404"), ("none", "404")} <= counted
    assert families["jarvis_http_request_seconds"].samples


@pytest.mark.django_db
def test_an_invented_method_makes_no_series(client: Client) -> None:
    client.generic("BREW-7f3a", "/healthz")

    assert "BREW-7f3a" not in client.get("/metrics").content.decode()
