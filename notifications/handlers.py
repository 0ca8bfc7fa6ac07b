"""What people are told about."""

from django.utils.translation import gettext as _

from accounts.events import ExportFinished
from jarvis_site.kernel.events import on
from notifications.services import notify, settle
from permissions.events import ConsentAsked, ConsentDecided
from permissions.selectors import consents_of_run


@on(ConsentAsked)
def approval_waits(event: ConsentAsked) -> None:
    title = consents_of_run(run_id=event.run_id).filter(id=event.consent_id).values_list("title", flat=True).first()
    if title is not None:
        notify(
            member_id=event.member_id,
            key=f"consent:{event.consent_id}",
            icon="approve",
            title=_("Waiting for your approval"),
            body=title,
            link=f"approvals/{event.consent_id}/",
        )


@on(ConsentDecided)
def approval_settled(event: ConsentDecided) -> None:
    settle(key=f"consent:{event.consent_id}")


@on(ExportFinished)
def copy_ready(event: ExportFinished) -> None:
    notify(
        member_id=event.member_id,
        key=f"export:{event.export_id}",
        icon="download",
        title=_("The copy of the data is ready"),
        body=_("It can be downloaded for seven days."),
        link="settings/data/",
    )
