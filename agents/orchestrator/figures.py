"""How long tools take in an organization, from what it has seen of them lately."""

import time
from collections.abc import Mapping
from uuid import UUID

from jarvis_site.kernel.tenancy import current_organization
from jarvis_site.kernel.tenancy.statements import fetch

# Of each tool at least so many calls: fewer say little.
LEAST_CALLS = 5
KEPT_SECONDS = 60.0
MOST_KEPT = 1_000
# The newest steps of the organization, found by the key that its rows are read by.
_MEDIANS = """
    SELECT tool, percentile_cont(0.5) WITHIN GROUP (ORDER BY EXTRACT(EPOCH FROM finished_at - effect_started_at))
    FROM (
        SELECT tool, finished_at, effect_started_at FROM agents_step
        WHERE organization_id = %(organization)s AND state = 'succeeded' AND effect_started_at IS NOT NULL
        ORDER BY id DESC LIMIT 2000
    ) AS lately
    GROUP BY tool HAVING count(*) >= %(least)s
"""

_kept: dict[UUID, tuple[float, Mapping[str, float]]] = {}


def usual_seconds() -> Mapping[str, float]:
    """Median length of a call in the current organization, in seconds, by tool; not of tools that it hardly uses."""
    organization = current_organization()
    at, found = _kept.get(organization, (0.0, None))
    now = time.monotonic()
    if found is None or now - at > KEPT_SECONDS:
        if len(_kept) >= MOST_KEPT:
            _kept.clear()
        found = {tool: float(seconds) for tool, seconds in fetch(_MEDIANS, least=LEAST_CALLS)}
        _kept[organization] = now, found
    return found


def forget() -> None:
    """Look anew: for tests, which change what was seen."""
    _kept.clear()
