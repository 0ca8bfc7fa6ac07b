"""What the calendar's own news lead to."""

from django.utils.translation import gettext as _

from agents.servers.calendar.events import ReminderDue
from agents.servers.calendar.models import Reminder
from jarvis_site.kernel.events import on
from notifications.contracts import Matter
from notifications.services import notify


@on(ReminderDue)
def tell(event: ReminderDue) -> None:
    """Each ring is told once: the key names the time it rang, because a repeating reminder rings again."""
    rung_at = Reminder.objects.filter(id=event.reminder_id).values_list("rung_at", flat=True).first()
    notify(
        member_id=event.member_id,
        matter=Matter.REMINDERS,
        key=f"reminder:{event.reminder_id}:{rung_at.isoformat() if rung_at else ''}",
        icon="reminder",
        title=_("Reminder"),
        body=event.text,
        link="calendar/reminders/",
    )
