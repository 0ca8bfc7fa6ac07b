"""Fields about roles and rights."""

from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

from django import forms
from django.forms import BoundField
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import access
from accounts.contracts import Actor, Effect, Role
from accounts.models import CustomRole, Membership, Team
from accounts.services.roles import RANK
from accounts.templatetags.people import role_label

OWN = "custom:"


def role_choices(actor: Actor) -> list[tuple[str, Any]]:
    """The built-in roles up to the actor's own, then the organization's own."""
    built_in = [(role.value, role_label(role)) for role in Role if RANK[role] <= RANK[actor.role]]
    own = [(f"{OWN}{role.id}", role.name) for role in CustomRole.objects.order_by("name")]
    return [*built_in, (_("Roles of your own"), own)] if own else built_in


def role_value(holder: Any) -> str:
    """The choice that a membership or an invitation stands for."""
    return f"{OWN}{holder.custom_role_id}" if holder.custom_role_id else str(holder.role)


def role_of(value: str) -> tuple[Role, UUID | None]:
    """Split a choice into the built-in role and the organization's own."""
    if value.startswith(OWN):
        return Role.MEMBER, UUID(value.removeprefix(OWN))
    return Role(value), None


class RoleForm(forms.Form):
    """What somebody is."""

    role = forms.ChoiceField(label=gettext_lazy("Role"))

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = role_choices(actor)  # type: ignore[attr-defined]  # a ChoiceField


class RightsForm(forms.Form):
    """Allow and deny, one line for each pattern and action."""

    def __init__(self, *args: Any, allow: Iterable[str] = (), deny: Iterable[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        effects = dict.fromkeys(allow, Effect.ALLOW.value) | dict.fromkeys(deny, Effect.DENY.value)
        choices = [("", _("as otherwise")), (Effect.ALLOW.value, _("allowed")), (Effect.DENY.value, _("denied"))]
        self._patterns = {f"right-{pattern}": pattern for pattern, _label in _patterns()}
        for pattern, label in _patterns():
            self.fields[f"right-{pattern}"] = forms.ChoiceField(
                label=label, choices=choices, required=False, initial=effects.get(pattern, "")
            )

    def rights(self) -> Iterator[BoundField]:
        return (self[name] for name in self._patterns)

    def plain(self) -> Iterator[BoundField]:
        return (field for field in self if field.name not in self._patterns)

    def chosen(self, effect: Effect) -> list[str]:
        return [pattern for name, pattern in self._patterns.items() if self.cleaned_data.get(name) == effect.value]


class CustomRoleForm(RightsForm):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=60)
    description = forms.CharField(label=gettext_lazy("What it is for"), max_length=200, required=False)


class TeamForm(RightsForm):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=80)
    parent = forms.ModelChoiceField(
        label=gettext_lazy("Below"),
        queryset=Team.objects.order_by("name"),
        required=False,
        empty_label=gettext_lazy("nothing: at the top"),
    )


class TeamMemberForm(forms.Form):
    """Who joins a team."""

    member = forms.ModelChoiceField(label=gettext_lazy("Person"), queryset=Membership.objects.none())

    def __init__(self, *args: Any, team: Team, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others = Membership.objects.filter(left_at=None).exclude(id__in=team.members.values("member_id"))
        self.fields["member"].queryset = others.select_related("user").order_by("user__name")  # type: ignore[attr-defined]


def _patterns() -> list[tuple[str, Any]]:
    """Everything, each group, each action; with labels."""
    found: list[tuple[str, Any]] = [("*", _("everything"))]
    group = ""
    for name, action in sorted(access.actions().items()):
        if name.partition(".")[0] != group:
            group = name.partition(".")[0]
            found.append((f"{group}.*", _("everything in %(group)s") % {"group": group}))
        found.append((name, action.label))
    return found
