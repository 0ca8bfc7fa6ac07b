"""What permissions hears of members."""

from accounts.events import MembershipEnded
from jarvis_site.kernel.events import on
from permissions.services.grants import grants_end


@on(MembershipEnded)
def end_what_was_allowed_in_advance(event: MembershipEnded) -> None:
    """Whoever comes back begins anew. A suspension ends nothing: the person keeps what they have."""
    if event.how != "suspended":
        grants_end(member_id=event.member_id)
