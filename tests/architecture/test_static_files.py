"""Static files as production serves them."""

import re
from pathlib import Path

from django.core.management import call_command
from django.test import override_settings


def test_modules_import_each_other_by_their_hashed_names(tmp_path: Path) -> None:
    storages = {"staticfiles": {"BACKEND": "jarvis_site.storage.HashedModuleStorage"}}
    with override_settings(STATIC_ROOT=tmp_path, STORAGES=storages):
        call_command("collectstatic", interactive=False, verbosity=0)
    scripts = [file for file in (tmp_path / "js").glob("*.js") if re.fullmatch(r"[\w-]+\.[0-9a-f]{12}\.js", file.name)]
    assert scripts, "nothing was hashed"
    imports = [(file.name, name) for file in scripts for name in re.findall(r'from\s*"\./([^"]+)"', file.read_text())]
    assert imports, "no module imports another any more; this test can go"
    plain = [pair for pair in imports if not re.fullmatch(r"[\w-]+\.[0-9a-f]{12}\.js", pair[1])]
    assert plain == []
