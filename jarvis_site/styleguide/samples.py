"""What the gallery shows. Invented people and numbers; nothing here touches the database."""

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
_NAV = {
    "run": "runs", "week": "calendar", "month": "calendar", "agenda": "calendar",
}  # fmt: skip

_NODE_WIDTH, _NODE_HEIGHT, _GAP_X, _GAP_Y = 160, 86, 28, 16


def icon_names() -> list[str]:
    sprite = Path(settings.BASE_DIR, "templates", "components", "icons.svg").read_text(encoding="utf-8")
    return re.findall(r'id="i-([a-z]+)"', sprite)


def shell(page: str) -> dict[str, Any]:
    """Return what `accounts.context_processors.shell` would, for an invented person."""
    halden = {"name": "Halden & Roe", "slug": "halden-roe", "initials": "HR", "url": "/o/halden-roe/", "role": "Owner"}
    borealis = {"name": "Borealis", "slug": "borealis", "initials": "BO", "url": "/o/borealis/", "role": "Member"}
    return {
        "theme": "",
        "contrast": "",
        "organization": halden,
        "memberships": [halden, borealis],
        "person": {
            "name": "Maya Lindqvist",
            "first_name": "Maya",
            "email": "maya@haldenroe.example",
            "initials": "ML",
        },
        "counts": {"approvals": 3, "unread": 2},
        "nav": _NAV.get(page, page),
    }


def _node(number: int, place: tuple[int, int], icon: str, verb: str, target: str, **more: Any) -> dict[str, Any]:
    column, row = place
    return {
        "id": f"step-{number}", "href": f"#step-{number}", "icon": icon, "verb": verb, "target": target,
        "col": column, "row": row, "chips": [], "mark": None, "state": "", **more,
    }  # fmt: skip


_DONE = {"icon": "check", "label": "Done"}
_UNDO = {"icon": "undo", "label": "Can be undone"}
_FINAL = {"icon": "final", "label": "Final, cannot be undone"}
_ASKS = {"label": "Asks", "tone": "wait", "icon": "hand"}


def _chips(*labels: str) -> list[dict[str, str]]:
    return [{"label": label} for label in labels]


def graph(*, prefix: str = "") -> dict[str, Any]:
    """Return a plan in every state, as `components/graph.html` takes it; the prefix keeps ids apart on one page."""
    nodes = [
        _node(1, (1, 1), "calendar", "Read calendars", "4 people, this week", state="done", chips=_chips("Read", "0.8 s"), mark=_DONE),
        _node(2, (1, 2), "search", "Find files", "“Borealis Q3” in Clients", state="done", chips=_chips("Read", "1.2 s"), mark=_DONE),
        _node(3, (2, 2), "sheet", "Read figures", "Q3 figures.xlsx", state="run", state_label="Running", chips=_chips("Read")),
        _node(4, (2, 1), "calendar", "Hold an hour", "Thu 14:00–14:45", state="done", changed=True,
              chips=[{"label": "Approved", "tone": "ok"}, {"label": "1.4 s"}], mark=_DONE),
        _node(5, (3, 2), "file", "Write agenda", "Borealis/Agenda.docx", state="later", chips=_chips("Low risk"), mark=_UNDO),
        _node(6, (4, 1), "mail", "Send invitation", "2 people to, 1 in copy", state="wait", current=True,
              state_label="Waiting for you", chips=[{"label": "High", "tone": "bad"}, _ASKS], mark=_FINAL),
        _node(7, (4, 2), "database", "Note in CRM", "Borealis, last contact", state="bad", state_label="Failed",
              chips=[{"label": "Failed", "tone": "bad"}], mark=_UNDO),
        _node(8, (5, 2), "folder", "File the minutes", "Borealis/2026", state="skip", state_label="Skipped", chips=_chips("Skipped")),
    ]  # fmt: skip
    for node in nodes:
        node["id"] = f"{prefix}{node['id']}"
    edges = [
        {"d": "M160 43H188", "state": "done"},
        {"d": "M160 145H188", "state": "lit"},
        {"d": "M348 145H376", "state": ""},
        {"d": "M348 43H564", "state": "wait"},
        {"d": "M536 145C550 145 550 43 564 43", "state": "wait"},
        {"d": "M536 145H564", "state": "bad"},
        {"d": "M724 145H752", "state": ""},
    ]
    width = 5 * _NODE_WIDTH + 4 * _GAP_X
    return {
        "label": "Task graph, 8 steps",
        "width": width,
        "height": 2 * _NODE_HEIGHT + _GAP_Y,
        "nodes": nodes,
        "edges": edges,
    }


def timeline() -> dict[str, Any]:
    """Return the run of `graph()`, as `components/timeline.html` takes it."""
    labels = [
        ("calendar", "Read calendars"), ("search", "Find files"), ("sheet", "Read figures"),
        ("calendar", "Hold an hour"), ("mail", "Send invitation"), ("database", "Note in CRM"),
    ]  # fmt: skip
    bars = [
        (0, 1, 3, ""), (1, 1, 4.5, ""), (2, 6, 12, "run"), (3, 9, 34, "wait"), (3, 43.5, 3, ""), (4, 47, 35, "wait"),
        (5, 12, 5, "bad"),
    ]  # fmt: skip
    return {
        "label": "Timeline of 6 steps; the same values are in the table of events",
        "height": 34 + 30 * len(labels),
        "rows": [
            {"icon": icon, "label": label, "href": f"#step-{number}", "current": number == len(labels) - 1}
            for number, (icon, label) in enumerate(labels, start=1)
        ],
        "ticks": [
            {"x": 0, "label": "9:41:00"},
            {"x": 20, "label": "9:41:45"},
            {"x": 40, "label": "9:42:30"},
            {"x": 60, "label": "9:43:15"},
        ],
        "bars": [
            {"x": x, "y": 37 + 30 * row, "width": width, "state": state, "label": labels[row][1]}
            for row, x, width, state in bars
        ],
        "now": 82,
        "selected_y": 28 + 30 * (len(labels) - 2),
    }


def _event(start: int, length: int, title: str, time: str, **more: Any) -> dict[str, Any]:
    return {"row": start, "rows": length, "col": 1, "title": title, "time": time, "place": "", "tone": "", **more}


def week() -> dict[str, Any]:
    """Return a week from 8:00 to 19:00; rows count quarter hours."""
    days = [
        {"name": "Mon", "date": 16, "events": [_event(5, 4, "Steering group", "9:00", place="Fjord")]},
        {"name": "Tue", "date": 17, "events": [_event(9, 6, "Lease offers", "10:00", tone="b")]},
        {"name": "Wed", "date": 18, "events": []},
        {"name": "Thu", "date": 19, "events": [_event(21, 3, "Tomas, weekly", "13:00"), _event(21, 8, "Audit", "13:00", col=2, tone="c")]},
        {"name": "Fri", "date": 20, "events": [_event(13, 2, "Call the tax office", "11:00", tone="quiet"), _event(25, 4, "Cancelled: review", "14:00", tone="off")]},
        {"name": "Sat", "date": 21, "today": True, "now": 8, "long": "Maya away", "events": [{**_event(9, 1, "Water the plants", "10:00"), "rows": None}]},
        {"name": "Sun", "date": 22, "events": [_event(29, 4, "Call with Raj", "15:00", tone="held", current=True)]},
    ]  # fmt: skip
    return {"hours": [f"{hour}:00" for hour in range(8, 19)], "days": days}


def month() -> dict[str, Any]:
    """Return November 2026, from Monday to Sunday."""
    events = {3: ["9:00 Board"], 11: ["10:00 Lease offers", "14:00 Review"], 21: ["10:00 Plants"], 22: ["15:00 Call with Raj"]}
    names = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    numbers = [*range(26, 32), *range(1, 31), *range(1, 7)]
    cells = [
        {
            "date": number,
            "weekday": names[index % 7],
            "other": index < 6 or index >= 36,
            "today": number == 21 and 6 <= index < 36,
            "events": events.get(number, []) if 6 <= index < 36 else [],
        }
        for index, number in enumerate(numbers)
    ]
    return {"names": names, "cells": cells}


COMPONENTS: dict[str, Any] = {
    "menu": [
        {"label": "For this run", "hint": "R-2F7K", "name": "scope", "value": "run", "current": True},
        {"label": "For 30 minutes", "hint": "until 10:14", "name": "scope", "value": "30m"},
        {"label": "Always", "hint": "not for mail outside", "name": "scope", "value": "always", "disabled": True},
        {"label": "Write a rule…", "icon": "settings", "href": "#rule", "rule": True},
        {"label": "Delete…", "icon": "trash", "danger": True, "opens": "sample-dialog"},
    ],
    "tabs": [
        {"label": "Graph", "href": "#graph", "current": True},
        {"label": "Events", "href": "#events", "count": 38},
        {"label": "Approvals", "href": "#approvals", "count": 2, "alert": True},
        {"label": "Audit", "href": "#audit"},
    ],
    "period": [
        {"label": "Day", "href": "#day", "value": "day"},
        {"label": "Week", "href": "#week", "value": "week", "current": True},
        {"label": "Month", "href": "#month", "value": "month"},
    ],
    "head": [{"label": "Person"}, {"label": "Role"}, {"label": "Second factor"}, {"label": "Runs", "end": True}],
    "rows": [
        [{"text": "Maya Lindqvist", "href": "#maya"}, {"text": "Owner"}, {"text": "Passkey", "chip": "ok"}, {"text": "46", "end": True}],
        [{"text": "Jonas Bergh", "href": "#jonas"}, {"text": "Member"}, {"text": "None yet", "chip": "bad"}, {"text": "3", "end": True}],
    ],
    "facts": [
        {"name": "To", "value": "raj@example.com", "note": "your message, 9:41"},
        {"name": "Subject", "value": "Call, Sunday 22 November, 15:00"},
        {"name": "Tool", "value": "mail.send", "mono": True},
        {"name": "From run", "value": "R-2F7K", "href": "#run"},
    ],
    "diff": [
        {"kind": "", "text": "tool: calendar.create_event"},
        {"kind": "del", "text": "minutes: 60"},
        {"kind": "ins", "text": "minutes: 45"},
    ],
    "steps": ["done", "done", "run", "wait", "bad", ""],
    "markdown": "# Agenda\n\n1. The two open invoices\n2. The fourth quarter",
    "json": '{"tool": "calendar.create_event", "minutes": 45, "people": ["raj@example.com"]}',
}  # fmt: skip
