"""What tests about data rights share."""

import io
import json
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from accounts.models import DataExport
from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.models import Job
from jarvis_site.kernel.tenancy import tenant
from tests.cast import Person

__all__ = ["folders"]


@pytest.fixture(autouse=True)
def folders(settings: Any, tmp_path: Path) -> Path:
    """Copies and files of this test alone."""
    settings.EXPORTS_DIR = tmp_path / "exports"
    settings.WORKSPACE_DIR = tmp_path / "workspaces"
    return tmp_path


def page(person: Person, name: str = "") -> str:
    return f"/o/{person.slug}/settings/data/{name}"


def ask(person: Person, about: str) -> Any:
    return person.client().post(page(person, "export/"), {"about": about})


def the_copy(person: Person) -> DataExport:
    with tenant(person.organization.id):
        return DataExport.objects.get(requested_by_id=person.membership.id)


def fetch(client: Client, person: Person, copy: DataExport) -> Any:
    return client.get(page(person, f"copies/{copy.id}/"))


def unpacked(answer: Any) -> dict[str, str]:
    assert answer.status_code == 200
    content = b"".join(answer.streaming_content)
    answer.close()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name).decode() for name in archive.namelist()}


def rows(files: dict[str, str], name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in files[f"{name}.jsonl"].splitlines()]


def files_of_copies() -> list[Path]:
    return sorted(path for path in Path(settings.EXPORTS_DIR).rglob("*") if path.is_file())


def recorded(person: Person, beginning: str) -> list[str]:
    with tenant(person.organization.id):
        found = AuditEvent.objects.filter(action__startswith=beginning).order_by("at", "id")
        return list(found.values_list("action", flat=True))


def leases_over(person: Person) -> None:
    """As if the time of whoever held a job were over, and the pause before the next try too."""
    past = db_now(plus=-timedelta(seconds=1))
    with tenant(person.organization.id):
        Job.objects.filter(leased_until__isnull=False).update(leased_until=past)
        Job.objects.filter(dead_at=None).update(not_before=past)
