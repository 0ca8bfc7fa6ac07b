"""Searches of the list of runs that a person has given a name."""

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.access import require
from accounts.contracts import Actor
from accounts.models import Membership
from agents.access import RUNS_READ
from agents.models import SavedView
from agents.run_search import Search
from jarvis_site.kernel.errors import Conflict, Invalid, NotFound

# More would not be found again in the list beside the runs.
MOST_VIEWS = 30
LONGEST_NAME = 60


def views_of(*, actor: Actor) -> list[SavedView]:
    return list(SavedView.objects.filter(member_id=actor.member_id).order_by("name"))


@transaction.atomic
def view_save(*, actor: Actor, name: str, search: Search) -> SavedView:
    """Keep a search under a name.

    Raises:
        MayNot. Invalid: no name, or everything is asked for. Conflict: the name is taken, or there are too many.
    """
    require(actor, RUNS_READ)
    if not search.narrow:
        raise Invalid(_("Choose what to look for first: this would be the list of all runs."))
    _lock(actor)
    if SavedView.objects.filter(member_id=actor.member_id).count() >= MOST_VIEWS:
        raise Conflict(_("There are %(n)d saved views already. Remove one first.") % {"n": MOST_VIEWS})
    named = _free_name(actor, name)
    return SavedView.objects.create(member_id=actor.member_id, name=named, query=search.query)


@transaction.atomic
def view_rename(*, view_id: UUID, actor: Actor, name: str) -> SavedView:
    """Raises `MayNot`; `NotFound`: no such view of this person; `Invalid`: no name; `Conflict`: it is taken."""
    require(actor, RUNS_READ)
    _lock(actor)
    view = _view(view_id, actor)
    view.name = _free_name(actor, name, besides=view)
    view.save(update_fields=["name"])
    return view


@transaction.atomic
def view_remove(*, view_id: UUID, actor: Actor) -> None:
    """Raises `MayNot`, and `NotFound`: no such view of this person."""
    require(actor, RUNS_READ)
    _view(view_id, actor).delete()


def _view(view_id: UUID, actor: Actor) -> SavedView:
    view = SavedView.objects.filter(id=view_id, member_id=actor.member_id).first()
    if view is None:
        raise NotFound
    return view


def _lock(actor: Actor) -> None:
    """One change at a time, so that the limit and the names hold for two tabs as well."""
    Membership.objects.select_for_update().only("id", "organization_id").get(id=actor.member_id)


def _free_name(actor: Actor, name: str, *, besides: SavedView | None = None) -> str:
    named = " ".join(name.replace("\0", "").split())[:LONGEST_NAME]
    if not named:
        raise Invalid(_("Give it a name first."))
    taken = SavedView.objects.filter(member_id=actor.member_id, name__iexact=named)
    if (taken.exclude(id=besides.id) if besides else taken).exists():
        raise Conflict(_("There is a saved view called “%(name)s” already.") % {"name": named})
    return named
