"""`manage.py demo`: create the demo organization, or print how to sign in."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from jarvis_site.demo.seeding import PASSWORD, PEOPLE, seed


class Command(BaseCommand):
    help = "Create the demo organization with its people and a little data. Running it again adds nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--print-sign-in", action="store_true", help="print the sign-in as JSON and do nothing else")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        if not options["print_sign_in"]:
            seed()
        people = [{"email": person.email, "role": person.role.value} for person in PEOPLE]
        self.stdout.write(json.dumps({"email": PEOPLE[0].email, "password": PASSWORD, "people": people}))
