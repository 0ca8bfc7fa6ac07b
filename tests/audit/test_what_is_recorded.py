"""What makes a row of the record, where no other test of the same thing looks."""

from collections.abc import Iterator
from http import HTTPStatus

import pytest
from django.test import Client, override_settings

from agents.orchestrator.planning import planner
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel.tenancy import tenant
from tests.accounts.signing import sign_in
from tests.agents.test_limits_of_models import SETTINGS, answer, say
from tests.cast import Cast
from tests.model_server import ModelServer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running, override_settings(MODEL_BASE_URL=running.base_url, **SETTINGS):
        planner.cache_clear()
        yield running
    planner.cache_clear()


def test_signing_in_and_out_is_on_record_in_the_persons_organization_only(cast: Cast) -> None:
    client = Client()
    sign_in(client, cast.priya.email)
    assert client.post("/account/logout/").status_code == HTTPStatus.FOUND
    with tenant(cast.halden.id):
        rows = AuditEvent.objects.filter(action__startswith="sign_in.").order_by("at")
        assert [(row.action, row.member_id) for row in rows] == [
            ("sign_in.succeeded", cast.priya.membership.id),
            ("sign_in.ended", cast.priya.membership.id),
        ]
    with tenant(cast.borealis.id):
        assert not AuditEvent.objects.filter(action__startswith="sign_in.").exists()


def test_a_call_of_a_model_is_on_record_by_digests_and_numbers(cast: Cast, server: ModelServer) -> None:
    server.script(answer({"prompt_tokens": 1200, "completion_tokens": 34, "total_tokens": 1234}, text="zanzibar"))
    say(cast.maya, "mombasa")
    with tenant(cast.halden.id):
        row = AuditEvent.objects.get(action="model.called")
    assert (row.resource_type, row.resource_id) == ("model", SETTINGS["MODEL_NAME"])
    assert (row.details["prompt_tokens"], row.details["answer_tokens"]) == (1200, 34)
    assert len(row.details["request"]) == len(row.details["answer"]) == 64
    assert row.details["request"] != row.details["answer"]
    told = f"{row.details}{row.words_sealed}"
    assert not [word for word in ("zanzibar", "mombasa", "sk-secret") if word in told]
