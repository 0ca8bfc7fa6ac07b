"""What the gallery shows: invented people and numbers from samples.json. Nothing here touches the database."""

import calendar
import copy
import json
import re
from datetime import date
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

PAGES = {
    "chat": "Chat",
    "run": "Run",
    "approvals": "Approvals",
    "week": "Calendar, week",
    "month": "Calendar, month",
    "agenda": "Calendar, agenda",
    "mail": "Mail",
    "files": "Files",
    "activity": "Activity",
    "settings": "Settings",
    "notifications": "Notifications",
    "entrance": "Sign in",
    "problem": "Error",
}
# Sample pages that stand for another item of the navigation than their own name.
_NAV = {"run": "runs", "week": "calendar", "month": "calendar", "agenda": "calendar"}
_TODAY = date(2026, 11, 21)
_MONTH_EVENTS = {
    3: ["9:00 Board"],
    11: ["10:00 Lease offers", "14:00 Review"],
    21: ["10:00 Plants"],
    22: ["15:00 Call with Raj"],
}
_DATA: dict[str, Any] = json.loads(Path(__file__).with_name("samples.json").read_text(encoding="utf-8"))


def icon_names() -> list[str]:
    """Return the names of all symbols in the sprite."""
    sprite = Path(settings.BASE_DIR, "templates", "components", "icons.svg").read_text(encoding="utf-8")
    return re.findall(r'id="i-([a-z]+)"', sprite)


def shell(page: str) -> dict[str, Any]:
    """Return what `jarvis_site.shell.context` would, for an invented person on this sample page."""
    return {**_DATA["shell"], "nav": _NAV.get(page, page)}


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


def week() -> dict[str, Any]:
    """Return a week from 8:00 to 19:00; rows count quarter hours."""
    return copy.deepcopy(_DATA["week"])


def month() -> dict[str, Any]:
    """Return the month of the sample, in whole weeks from Monday to Sunday."""
    days = calendar.Calendar().itermonthdates(_TODAY.year, _TODAY.month)
    return {"names": list(calendar.day_abbr), "cells": [_cell(day) for day in days]}


def _cell(day: date) -> dict[str, Any]:
    other = day.month != _TODAY.month
    return {
        "date": day.day,
        "weekday": calendar.day_abbr[day.weekday()],
        "other": other,
        "today": day == _TODAY,
        "events": [] if other else _MONTH_EVENTS.get(day.day, []),
    }
