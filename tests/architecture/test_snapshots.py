"""What programs rely on: the API's schema and the tools' schemas. A change has to be meant.

`JARVIS_SNAPSHOTS=write` writes the present state; look at the difference before you commit it.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from agents.gateway import catalogue
from tests.architecture.doors import schema

FOLDER = Path(__file__).parent / "snapshots"


def api_schema() -> Any:
    return schema()


def tool_schemas() -> Any:
    return {
        name: [tool.as_mcp().model_dump(mode="json", by_alias=True, exclude_none=True) for tool in box._tools.values()]
        for name, box in catalogue.toolboxes().items()
    }


@pytest.mark.parametrize("take", [api_schema, tool_schemas])
def test_what_programs_rely_on_is_as_committed(take: Any) -> None:
    file = FOLDER / f"{take.__name__}.json"
    now = json.dumps(take(), indent=1, sort_keys=True, ensure_ascii=False, default=str) + "\n"
    if os.environ.get("JARVIS_SNAPSHOTS") == "write":
        file.write_text(now)
    assert file.read_text().splitlines() == now.splitlines(), "if this is meant: JARVIS_SNAPSHOTS=write"
