"""Who may do what in an organization: named actions, and one function that decides.

A denial beats every permission, and what nothing allows is denied. Each app declares its actions in its `access.py`;
roles of an organization's own making and teams add rules (`Membership.rules`). Whether a *step of a plan* may run is
another question, see `permissions.policy`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.contracts import Actor, Effect, Role, Rule
from jarvis_site.kernel.errors import Forbidden

type Label = str | Promise


@dataclass(frozen=True, slots=True)
class Action:
    """Something that a person may or may not do.

    Attributes:
        name: `<group>.<verb>`.
        label: what it is, for a person: "invite people".
        roles: the built-in roles that may; owners always may.
        explicit: an API key may only when its scopes name exactly this action; a pattern does not count.
    """

    name: str
    label: Label
    roles: frozenset[Role]
    explicit: bool = False


@dataclass(frozen=True, slots=True)
class AccessDecision:
    """Yes or no, and why.

    Attributes:
        rule: the deciding rule in words: "the role admin", "the team Sales denies members.*".
        code: of a refusal, for programs.
    """

    allowed: bool
    action: str
    rule: str
    code: str = "may_not"


class MayNot(Forbidden):
    """The person may not; the text names what is missing."""

    code = "may_not"


_actions: dict[str, Action] = {}

ADMINS = (Role.ADMIN,)
EVERYBODY = (Role.ADMIN, Role.MEMBER)
ALL = (Role.ADMIN, Role.MEMBER, Role.AUDITOR)


def declare(name: str, label: Label, roles: Iterable[Role] = ADMINS, *, explicit: bool = False) -> str:
    """Register an action. Returns its name, for a constant in the app's `access.py`."""
    if name in _actions:
        raise RuntimeError(f"action {name} is declared twice")
    _actions[name] = Action(name, label, frozenset({Role.OWNER, *roles}), explicit)
    return name


def actions() -> dict[str, Action]:
    return dict(_actions)


def matches(pattern: str, action: str) -> bool:
    """`*` matches everything, `members.*` every action of the group, anything else itself."""
    if pattern == "*":
        return True
    group = pattern.removesuffix(".*")
    return action.startswith(f"{group}.") if pattern.endswith(".*") else pattern == action


def grants(scope: str, action: str) -> bool:
    """Whether a scope of an API key covers an action.

    Raises:
        KeyError: no app declares the action.
    """
    return scope == action if _actions[action].explicit else matches(scope, action)


def decide(actor: Actor, action: str) -> AccessDecision:
    """Say whether the actor may, and which rule says so. The same for every door.

    Raises:
        KeyError: no app declares the action.
    """
    declared = _actions[action]
    if actor.scopes is not None and not any(grants(scope, action) for scope in actor.scopes):
        missing = _("the key does not have the scope %(action)s") % {"action": action}
        return AccessDecision(False, action, missing, code="missing_scope")
    # Otherwise one wrong rule could lock everybody out of repairing it.
    repairs = actor.role is Role.OWNER and action in REPAIRS
    if not repairs and (denial := _first(actor.rules, Effect.DENY, action)):
        rule = _("%(source)s denies %(pattern)s") % {"source": denial.source, "pattern": denial.pattern}
        return AccessDecision(False, action, rule)
    if actor.role in declared.roles:
        return AccessDecision(True, action, _("the role %(role)s") % {"role": actor.role.value})
    if permission := _first(actor.rules, Effect.ALLOW, action):
        rule = _("%(source)s allows %(pattern)s") % {"source": permission.source, "pattern": permission.pattern}
        return AccessDecision(True, action, rule)
    return AccessDecision(False, action, _("no rule allows it"))


def may(actor: Actor, action: str) -> bool:
    return decide(actor, action).allowed


def require(actor: Actor, action: str) -> None:
    """Raises `MayNot`, with the deciding rule."""
    decision = decide(actor, action)
    if not decision.allowed:
        what = {"what": _actions[action].label, "rule": decision.rule}
        raise MayNot(_("You may not %(what)s here: %(rule)s.") % what, code=decision.code)


def content_require(actor: Actor) -> None:
    """Refuse somebody who sees what there is and who did what, but not what was said and done: an auditor.

    The doors call it next to the opening of the scope (`accounts.middleware`, the socket, work for a member), so that a
    new page, operation, topic or command is closed until it is said to show no content. Which of the content a key may
    reach is asked by each operation.

    Raises:
        MayNot.
    """
    require(replace(actor, scopes=None), CONTENT_USE)


def _first(rules: Iterable[Rule], effect: Effect, action: str) -> Rule | None:
    return next((rule for rule in rules if rule.effect is effect and matches(rule.pattern, action)), None)


MEMBERS_VIEW = declare("members.view", gettext_lazy("see who belongs to the organization"), ALL)
MEMBERS_INVITE = declare("members.invite", gettext_lazy("invite people and answer requests to join"))
MEMBERS_CHANGE = declare("members.change", gettext_lazy("change, suspend and remove members"))
ADMINISTRATION = declare("organization.admin", gettext_lazy("open the organization's administration"))
TEAMS_MANAGE = declare("teams.manage", gettext_lazy("manage teams"))
ROLES_MANAGE = declare("roles.manage", gettext_lazy("manage roles"))
SETTINGS_MANAGE = declare("organization.settings", gettext_lazy("change the organization's settings"))
SIGN_IN_MANAGE = declare("organization.sign_in", gettext_lazy("change how people sign in, single sign-on and SCIM"))
SESSIONS_MANAGE = declare("sessions.manage", gettext_lazy("see and end sessions of others"))
KEYS_OWN = declare("keys.own", gettext_lazy("make API keys of one's own"), EVERYBODY)
KEYS_MANAGE = declare("keys.manage", gettext_lazy("manage service accounts and everybody's API keys"))
DATA_EXPORT = declare("data.export", gettext_lazy("export the organization's data"), ())
DATA_ERASE = declare("data.erase", gettext_lazy("erase a person's data and set how long data are kept"), ())
AUDIT_VIEW = declare("audit.view", gettext_lazy("read the audit log"), (Role.ADMIN, Role.AUDITOR))
CONTENT_USE = declare("content.use", gettext_lazy("work with Jarvis and see what it does"), EVERYBODY)

REPAIRS = frozenset({ROLES_MANAGE, TEAMS_MANAGE, MEMBERS_CHANGE})
