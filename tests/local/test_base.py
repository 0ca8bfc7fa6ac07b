"""The ground other tests stand on: two organizations, all databases, and empty tables after a commit."""

import pytest
from django.db import connections

from accounts.models import Membership, User
from jarvis_site.kernel.tenancy import tenant
from tests.cast import Cast

pytestmark = pytest.mark.xdist_group("base")


def test_the_two_organizations_of_the_cast_do_not_see_each_other(cast: Cast) -> None:
    with tenant(cast.halden.id):
        assert {str(member) for member in Membership.objects.all()} == {"Maya Lindqvist", "Tomas Okafor", "Priya Raman"}
    with tenant(cast.borealis.id):
        assert {str(member) for member in Membership.objects.all()} == {"Ines Moreau", "Karim Aziz"}


@pytest.mark.django_db
def test_the_tests_speak_to_the_database_as_the_application_does() -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == ("jarvis_app",)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("time", ["first", "second"])
def test_what_a_test_committed_is_gone_before_the_next(request: pytest.FixtureRequest, time: str) -> None:
    assert User.objects.count() == 0
    request.getfixturevalue("cast")
    assert User.objects.count() == 5


@pytest.mark.django_db(transaction=True)
def test_a_person_of_the_cast_is_signed_in_by_their_client(cast: Cast) -> None:
    assert "_auth_user_id" in cast.maya.client().session
