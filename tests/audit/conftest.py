from pathlib import Path

import pytest
from django.conf import LazySettings


@pytest.fixture(autouse=True)
def anchors_folder(settings: LazySettings, tmp_path: Path) -> Path:
    """Every test has anchors of its own."""
    settings.AUDIT_ANCHORS_DIR = tmp_path / "anchors"
    return tmp_path / "anchors"
