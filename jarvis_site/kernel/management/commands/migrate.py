"""`manage.py migrate`, as the owner of the tables unless told otherwise."""

from django.core.management.base import CommandParser
from django.core.management.commands import migrate

from jarvis_site.kernel.tenancy.router import OWNER_ALIAS


class Command(migrate.Command):
    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database=OWNER_ALIAS)
