"""What the gallery shows: invented people and numbers from samples.json. Nothing here touches the database."""

import copy
import json
import re
from pathlib import Path
from typing import Any

from django.conf import settings

# Parts of the gallery, in order: template under styleguide/parts/, title.
PARTS = (
    ("colours", "Colours"),
    ("type", "Type"),
    ("buttons", "Buttons"),
    ("states", "States, facts, people"),
    ("fields", "Fields"),
    ("forms", "A Django form, fresh and refused"),
    ("menus", "Menus"),
    ("views", "Tabs and choices"),
    ("feedback", "Feedback"),
    ("waiting", "Progress and loading"),
    ("data", "Tables, facts, rows"),
    ("text", "Code, difference, letter"),
    ("graph", "Task graph"),
    ("timeline", "Timeline"),
)

# Layouts that no real page shows in all their states.
PAGES = {"chat": "Chat", "problem": "Error"}
_DATA: dict[str, Any] = json.loads(Path(__file__).with_name("samples.json").read_text(encoding="utf-8"))


def icon_names() -> list[str]:
    """Return the names of all symbols in the sprite."""
    sprite = Path(settings.BASE_DIR, "templates", "components", "icons.svg").read_text(encoding="utf-8")
    return re.findall(r'id="i-([a-z]+)"', sprite)


def shell(page: str) -> dict[str, Any]:
    """Return what `jarvis_site.shell.context` would, for an invented person on this sample page."""
    return {**_DATA["shell"], "nav": page}


def components() -> dict[str, Any]:
    """Return the arguments of the smaller components: menu, tabs, table and so on."""
    return copy.deepcopy(_DATA["components"])


def graph(*, prefix: str = "") -> dict[str, Any]:
    """Return a plan in every state, as `components/graph.html` takes it; the prefix keeps ids apart on one page."""
    plan: dict[str, Any] = copy.deepcopy(_DATA["graph"])
    for node in plan["nodes"]:
        node["id"] = f"{prefix}{node['id']}"
    return plan


def timeline() -> dict[str, Any]:
    """Return the run of `graph()`, as `components/timeline.html` takes it."""
    return copy.deepcopy(_DATA["timeline"])
