"""For data migrations."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from jarvis_site.kernel.tenancy.constraints import PLATFORM_ROLE


@contextmanager
def as_platform(schema_editor: BaseDatabaseSchemaEditor) -> Iterator[None]:
    """Read and write every organization's rows inside a `RunPython`.

    The owner itself sees none, silently, because row-level security is forced. Tables cannot be altered in here.
    """
    schema_editor.execute(f"SET LOCAL ROLE {PLATFORM_ROLE}")
    yield
    schema_editor.execute("RESET ROLE")
