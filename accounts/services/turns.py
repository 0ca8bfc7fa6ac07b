"""One after another: what changes who may what in an organization takes the organization's row first.

Rights are worked out from several tables (roles, teams, memberships), and a last owner is counted over several rows.
Two changes at once could each be right and wrong together; such changes are rare, so they simply queue.
"""

from dataclasses import replace

from accounts import access
from accounts.contracts import Actor
from accounts.models import Organization
from accounts.selectors import actor_of, member_get
from jarvis_site.kernel.tenancy import current_organization


def turn_take(*, actor: Actor | None, action: str | None = None) -> Actor | None:
    """Wait for the current organization's turn, inside a transaction, and return who acts as they are now.

    Between the door and this line somebody else's change may have taken the actor's right away.

    Args:
        actor: None for the system: the organization's own directory, a join that a rule allows, an operator.
        action: what the actor must be allowed to do.

    Raises:
        NotFound: the actor is no member any more. MayNot: they may not do this.
    """
    # "No key": a plain FOR UPDATE would also hold up every insert of a row that belongs to the organization.
    Organization.objects.select_for_update(no_key=True).get(id=current_organization())
    if actor is None:
        return None
    now = replace(actor_of(member_get(member_id=actor.member_id)), scopes=actor.scopes)
    if action is not None:
        access.require(now, action)
    return now
