"""Runs on the screen, through HTTP."""

import pytest

from tests.agents.plans import event, invitation_mail, start
from tests.cast import Cast
from tests.engine import Workers

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_plan_card_shows_graph_call_and_answers(cast: Cast, workers: Workers) -> None:
    run = start(cast.maya, event(), invitation_mail())
    workers.drain()
    page = cast.maya.client().get(f"/o/{cast.maya.slug}/runs/{run.id}/card/").content.decode()
    assert "Waiting for you" in page
    assert "1 of 2 steps" in page
    assert "please come." in page
    assert "Approve once" in page
