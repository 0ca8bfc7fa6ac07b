"""Reviews as JSON, as rules and questions store them."""

from dataclasses import asdict
from typing import Any

from permissions.contracts import Review, Reviewers


def review_as_json(review: Review) -> dict[str, Any]:
    return asdict(review)


def review_from(stored: dict[str, Any]) -> Review:
    """The review that was stored; what is not there is as usual."""
    given = dict(stored)
    for name in ("reviewers", "escalate_to"):
        who = given.get(name) or {}
        given[name] = Reviewers(*(tuple(who.get(part, ())) for part in ("members", "roles", "teams")))
    return Review(**given)
