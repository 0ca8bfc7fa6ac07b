"""`manage.py demo`: create the demo organization, and print how to sign in, as JSON."""

import json
from typing import Any

from django.core.management.base import BaseCommand

from jarvis_site.demo.seeding import PASSWORD, PEOPLE, seed


class Command(BaseCommand):
    help = "Create the demo organization with its people and a little data. Running it again adds nothing."

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        seed()
        people = [{"email": person.email, "role": person.role.value} for person in PEOPLE]
        self.stdout.write(json.dumps({"email": PEOPLE[0].email, "password": PASSWORD, "people": people}))
