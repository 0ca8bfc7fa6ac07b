"""Reading of the environment."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from jarvis_site.settings.env import Environment


def test_a_database_address_keeps_what_django_has_no_key_for() -> None:
    address = Environment({"X": "postgresql://maya@db.example:5433/jarvis?sslmode=require"}).database("X")
    assert address == {
        "HOST": "db.example",
        "PORT": "5433",
        "NAME": "jarvis",
        "USER": "maya",
        "OPTIONS": {"sslmode": "require"},
    }


@pytest.mark.parametrize(
    ("name", "value"), [("flag", "perhaps"), ("number", "many"), ("database", "https://example"), ("text", " ")]
)
def test_a_value_that_can_not_be_read_stops_the_start_with_its_name(name: str, value: str) -> None:
    environment = Environment({"X": value})
    with pytest.raises(ImproperlyConfigured, match="X"):
        {
            "flag": lambda: environment.flag("X"),
            "number": lambda: environment.number("X", 1),
            "database": lambda: environment.database("X"),
            "text": lambda: environment.text("X"),
        }[name]()
