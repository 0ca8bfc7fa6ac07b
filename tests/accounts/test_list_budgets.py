"""No list of the settings costs more queries when it is longer."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import CustomRole, Team
from tests.admin.rows import Rows, more_rows, rows_made
from tests.cast import Cast, Person

pytestmark = pytest.mark.django_db

# The door, the frame with its counts and the organizations' menu, and at most six of the page itself.
BUDGET = 16
LISTS = [
    *("members/", "invitations/", "teams/", "roles/", "domains/", "sign-on/", "service-accounts/", "directory/"),
    *("keys/", "data/", "data/people/", "security/", "sign-in/", "organization/"),
]
MORE = 12


def asked(client: Client, address: str) -> int:
    client.get(address)
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(address)
    assert answer.status_code == 200, address
    return len(queries)


@pytest.fixture
def rows(cast: Cast) -> Rows:
    return rows_made(cast.maya, "zanzibar")


def costs(person: Person, addresses: list[str]) -> dict[str, int]:
    client = person.client(proven=True)
    return {address: asked(client, f"/o/{person.slug}/settings/{address}") for address in addresses}


def test_lists_cost_the_same_however_long_they_are(cast: Cast, rows: Rows) -> None:
    addresses = [*LISTS, f"teams/{rows[Team].pk}/", f"roles/{rows[CustomRole].pk}/"]
    addresses += [f"members/{cast.priya.membership.id}/", f"members/{cast.priya.membership.id}/why/"]
    few = costs(cast.maya, addresses)
    more_rows(cast.maya, number=MORE)
    many = costs(cast.maya, addresses)
    assert many == few
    assert {address: cost for address, cost in many.items() if cost > BUDGET} == {}
