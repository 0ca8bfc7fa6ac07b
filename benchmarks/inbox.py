"""The approvals inbox of somebody with 10,000 pending answers, through the running site.

Run as a program of its own, in the environment of a running site, because it needs Django set up for that database.
"""

import os
import subprocess
import sys
from typing import Any

from tests.local.site import Site

PENDING = 10_000
_VIEWS = {
    "first page": "",
    "high risk only": "?risk=high",
    "a word in none": "?q=zebra",
    "answers for others": "?tab=team",
    "decided": "?tab=decided",
}


def measure(site: Site) -> None:
    environment = {**site.environment, "DJANGO_SETTINGS_MODULE": "jarvis_site.settings"}
    subprocess.run([sys.executable, "-m", "benchmarks.inbox", site.url], env=environment, check=True)


def _main() -> None:
    import django

    django.setup()
    from benchmarks.browser import SLUG, Browser
    from benchmarks.figures import Figure, milliseconds, show
    from benchmarks.pages import _looks, _person

    person, browser, root = _person(), Browser(sys.argv[1]), f"/o/{SLUG}/approvals/"
    few = _looks(browser, root)
    one = pending(person, PENDING)
    figures = [Figure("nothing waits", milliseconds(few))]
    figures += [Figure(name, milliseconds(_looks(browser, root + query)), "200 ms") for name, query in _VIEWS.items()]
    figures.append(Figure("one of them opened", milliseconds(_looks(browser, f"{root}{one}/")), "200 ms"))
    show(f"Approvals inbox: {PENDING} pending answers of one person, over HTTP", figures)


def pending(person: Any, number: int) -> Any:
    """Open questions to one person, a second apart. Returns the id of one."""
    from datetime import timedelta

    from django.db import transaction

    from jarvis_site.kernel.clock import db_time
    from jarvis_site.kernel.ids import uuid7
    from jarvis_site.kernel.tenancy import tenant
    from permissions.models import Consent, ConsentReviewer

    # At once: a question that nobody is asked is looked at again, and somebody asked, within half a minute.
    with tenant(person.organization.id, member=person.membership.id), transaction.atomic():
        now, me = db_time(), person.membership.id
        rows = [
            Consent(
                organization_id=person.organization.id,
                member_id=me,
                run_id=uuid7(),
                step_id=uuid7(),
                digest=f"{n:064x}",
                tool="mail.send",
                arguments={"to": [f"raj{n % 100}@example.com"], "subject": "Invitation", "body": "Please come. " * 20},
                title=f"Mail the invitation to raj{n % 100}@example.com",
                risk=("high", "medium")[n % 2],
                reversibility="final",
                rule="reaches-people",
                rule_reason="It reaches raj@example.com.",
                review={},
                asked_at=now - timedelta(seconds=n),
                expires_at=now + timedelta(days=7),
            )
            for n in range(number)
        ]
        Consent.objects.bulk_create(rows, batch_size=1000)
        answers = [ConsentReviewer(consent=row, member_id=me, asked_at=row.asked_at) for row in rows]
        ConsentReviewer.objects.bulk_create(answers, batch_size=1000)
        return rows[0].id


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "jarvis_site.settings")
    _main()
