"""The one table of everything that can be reached from outside, and who may. A door that is not here fails the tests.

Adding a page, an API operation, a topic, a command or a tool means adding a line, and `tests/isolation` then tries that
door as everybody who may not.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from django.urls import URLPattern, URLResolver, get_resolver
from ninja.openapi.schema import OpenAPISchema

from agents.gateway import catalogue
from jarvis_site.api import api
from jarvis_site.kernel.realtime import doors


class Who(StrEnum):
    """Who may come in. `tests/isolation/matrix.py` says what everybody else gets."""

    EVERYBODY = "everybody"
    SECRET = "who knows the secret in the address"
    SIGNED_IN = "who is signed in"
    KEY = "who shows a key of the organization in the address"
    OPERATOR = "operators of the whole site"
    MEMBER = "members of the organization in the address"
    ADMIN = "those members whose role allows it"
    OWNER = "the member whose thing it is"


class Route(NamedTuple):
    path: str
    name: str


INSIDE = "o/<slug:slug>/"
# The workspace, `files/`, belongs to the whole organization.
_MEMBER_PAGES = [
    "",
    "chat/",
    "chat/new/",
    "chat/items/",
    "runs/",
    "runs/views/",
    "runs/batches/",
    "runs/questions/",
    "approvals/",
    "approvals/together/",
    "activity/",
    "notifications/",
    "notifications/read/",
    "notifications/settings/",
    "settings/",
    "settings/members/",
    "settings/data/",
    "settings/data/export/",
    "settings/keys/",
    "settings/stops/",
    "settings/stops/stop/",
    "settings/keys/new/",
    "settings/grants/",
    "settings/grants/revoke-all/",
    "settings/absences/",
    "settings/members/<uuid:member_id>/",
    "settings/leave/",
    "settings/teams/",
    "settings/teams/<uuid:team_id>/",
    "settings/roles/",
    "settings/roles/<uuid:role_id>/",
    "settings/rules/",
    "settings/rules/<uuid:rule_id>/",
    "settings/rules/explain/",
    "settings/rules/labels/",
    "settings/security/",
    "counts/",
    "calendar/",
    "calendar/new/",
    "calendar/reminders/",
    "calendar/feed/",
    "mail/",
    "mail/drafts/",
    "mail/outbox/",
    "mail/sent/",
    "mail/search/",
    "mail/new/",
    "files/",
    "files/in/<path:path>",
    "files/view/<path:path>",
    "files/download/<path:path>",
    "files/delete/<path:path>",
    "files/upload/",
    "files/folder/",
    "files/trash/",
    "files/restore/<path:path>",
]
_OWNER_PAGES = [
    "settings/data/copies/<uuid:export_id>/",
    "settings/keys/<uuid:key_id>/rotate/",
    "settings/keys/<uuid:key_id>/revoke/",
    "settings/grants/<uuid:grant_id>/revoke/",
    "settings/grants/<uuid:grant_id>/wake/",
    "settings/absences/<uuid:absence_id>/end/",
    "chat/<uuid:conversation_id>/",
    "chat/<uuid:conversation_id>/send/",
    "chat/<uuid:conversation_id>/stop/",
    "chat/<uuid:conversation_id>/turns/<uuid:message_id>/",
    "chat/<uuid:conversation_id>/turns/<uuid:message_id>/again/",
    "settings/stops/<uuid:stop_id>/lift/",
    "runs/views/<uuid:view_id>/",
    "runs/batches/<uuid:batch_id>/",
    "runs/<uuid:run_id>/",
    "runs/<uuid:run_id>/card/",
    "runs/questions/<uuid:task_id>/",
    "runs/<uuid:run_id>/plan/",
    "runs/<uuid:run_id>/plan/<str:key>/",
    "runs/<uuid:run_id>/plan/<str:key>/ask-first/",
    "runs/<uuid:run_id>/plan/<str:key>/drop/",
    "runs/<uuid:run_id>/plan/<str:key>/order/",
    "runs/<uuid:run_id>/cancel/",
    "runs/<uuid:run_id>/pause/",
    "runs/<uuid:run_id>/resume/",
    "runs/<uuid:run_id>/steps/<str:key>/",
    "runs/<uuid:run_id>/steps/<str:key>/outcome/",
    "runs/<uuid:run_id>/steps/<str:key>/retry/",
    "runs/<uuid:run_id>/steps/<str:key>/skip/",
    "runs/<uuid:run_id>/steps/<str:key>/undo/",
    "runs/<uuid:run_id>/undo/",
    "approvals/<uuid:consent_id>/",
    "approvals/<uuid:consent_id>/decide/",
    "calendar/event/<path:event_id>",
    "calendar/change/<path:event_id>",
    "calendar/cancel/<path:event_id>",
    "calendar/download/<path:event_id>",
    "calendar/reminders/<uuid:reminder_id>/delete/",
    "mail/drafts/<uuid:draft_id>/",
    "mail/drafts/<uuid:draft_id>/discard/",
    "mail/outbox/<uuid:message_id>/again/",
    "mail/outbox/<uuid:message_id>/resend/",
    "mail/<str:mail_id>/",
    "mail/<str:mail_id>/invite.ics",
]
_ADMIN_PAGES = [
    "settings/rules/new/",
    "settings/rules/decisions/<uuid:decisionrecord_id>/",
    "settings/rules/labels/<uuid:label_id>/remove/",
    "settings/rules/<uuid:rule_id>/change/",
    "settings/rules/<uuid:rule_id>/state/",
    "settings/rules/<uuid:rule_id>/retire/",
    "runs/given-up/",
    "runs/given-up/<uuid:job_id>/again/",
    "settings/grants/everybody/",
    "settings/grants/everybody/revoke-all/",
    "settings/grants/everybody/<uuid:grant_id>/revoke/",
    "settings/limits/",
    "settings/limits/<str:limit>/",
    "settings/data/people/",
    "settings/data/erase/<uuid:member_id>/",
    "settings/data/erase/<uuid:member_id>/again/",
    "settings/data/periods/",
    "settings/service-accounts/",
    "settings/service-accounts/<uuid:member_id>/",
    "settings/service-accounts/<uuid:member_id>/delete/",
    "settings/service-accounts/<uuid:member_id>/keys/new/",
    "settings/service-accounts/keys/<uuid:key_id>/rotate/",
    "settings/service-accounts/keys/<uuid:key_id>/revoke/",
    "settings/directory/",
    "settings/directory/new/",
    "settings/directory/<uuid:token_id>/revoke/",
    "settings/sign-in/",
    "settings/sign-on/",
    "settings/sign-on/new/",
    "settings/sign-on/break-glass/",
    "settings/sign-on/tested/<uuid:attempt_id>/",
    "settings/sign-on/<uuid:provider_id>/",
    "settings/sign-on/<uuid:provider_id>/test/",
    "settings/sign-on/<uuid:provider_id>/switch/",
    "settings/members/<uuid:member_id>/sessions/end/",
    "settings/sessions/<uuid:session_id>/end/",
    "settings/organization/",
    "settings/members/<uuid:member_id>/role/",
    "settings/members/<uuid:member_id>/suspend/",
    "settings/members/<uuid:member_id>/restore/",
    "settings/members/<uuid:member_id>/remove/",
    "settings/members/<uuid:member_id>/why/",
    "settings/invitations/",
    "settings/invitations/<uuid:invitation_id>/resend/",
    "settings/invitations/<uuid:invitation_id>/revoke/",
    "settings/requests/<uuid:request_id>/answer/",
    "settings/domains/",
    "settings/domains/<uuid:domain_id>/check/",
    "settings/domains/<uuid:domain_id>/join/",
    "settings/domains/<uuid:domain_id>/remove/",
    "settings/teams/<uuid:team_id>/delete/",
    "settings/teams/<uuid:team_id>/members/",
    "settings/teams/<uuid:team_id>/members/<uuid:member_id>/remove/",
    "settings/roles/<uuid:role_id>/delete/",
]
# What an organization's administration and the operators' pages show; some kinds can be added and deleted there.
_ADMIN_KINDS = [
    "accounts/membership/",
    "accounts/membersession/",
    "accounts/invitation/",
    "accounts/joinrequest/",
    "accounts/team/",
    "accounts/customrole/",
    "accounts/apikey/",
    "accounts/scimtoken/",
    "accounts/identityprovider/",
    "accounts/emaildomain/",
    "accounts/dataexport/",
    "accounts/retention/",
    "audit/auditevent/",
]
_ADMIN_MAKES = ["accounts/team/", "accounts/customrole/"]
_OPERATOR_KINDS = [
    "accounts/organization/",
    "accounts/user/",
    "accounts/membership/",
    "kernel/job/",
    "audit/auditevent/",
]
_ROW_PAGES = ["", "<path:object_id>/change/", "<path:object_id>/history/"]
_MAKING_PAGES = ["add/", "<path:object_id>/delete/"]
# The organization's own directory, which shows a token of its own.
_SCIM = "scim/v2/<slug:slug>/"
_SCIM_PAGES = [
    *("", "Me", "Bulk", "Users", "Users/<str:member_id>", "Groups", "Groups/<str:team_id>", "ServiceProviderConfig"),
    *("ResourceTypes", "ResourceTypes/<str:name>", "Schemas", "Schemas/<str:name>"),
]
# Of the API only the shapes are public.
_EVERYBODY = [
    "sso/-/own/",
    "account/login/",
    "account/logout/",
    "account/inactive/",
    "account/signup/",
    "account/confirm-email/",
    "account/login/code/confirm/",
    "account/2fa/authenticate/",
    "account/2fa/webauthn/login/",
    "account/password/reset/",
    "account/password/reset/done/",
    "account/password/reset/key/done/",
    "sso/",
    "sso/<slug:slug>/",
    "sso/<slug:slug>/<uuid:provider_id>/",
    "sso/-/<uuid:organization_id>/<uuid:provider_id>/oidc/",
    "sso/-/<uuid:organization_id>/<uuid:provider_id>/acs/",
    "sso/-/<uuid:organization_id>/<uuid:provider_id>/finish/",
    "sso/-/<uuid:organization_id>/<uuid:provider_id>/metadata/",
    "theme/",
    "healthz",
    "readyz",
    "metrics",
    "api/v1/openapi.json",
    "api/v1/",
    "styleguide/",
    "styleguide/<slug:name>/",
]
_SECRET = (
    r"account/^confirm-email/(?P<key>[-:\w]+)/$",
    r"account/^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
    INSIDE + "calendar/feed/<str:secret>.ics",
    "invitations/<slug:slug>/<str:secret>/",
)
_SIGNED_IN = [
    "admin/",
    "organizations/new/",
    "organizations/join/",
    "account/reauthenticate/",
    "account/email/",
    "account/password/change/",
    "account/password/set/",
    "account/2fa/",
    "account/2fa/reauthenticate/",
    "account/2fa/totp/activate/",
    "account/2fa/totp/deactivate/",
    "account/2fa/recovery-codes/",
    "account/2fa/recovery-codes/generate/",
    "account/2fa/recovery-codes/download/",
    "account/2fa/webauthn/",
    "account/2fa/webauthn/add/",
    "account/2fa/webauthn/reauthenticate/",
    "account/2fa/webauthn/keys/<int:pk>/remove/",
    "account/2fa/webauthn/keys/<int:pk>/edit/",
    "account/security/",
    "account/sessions/",
    "account/sessions/end/",
    "account/sessions/<int:pk>/end/",
    "account/prove/",
    "account/second-factor/",
    "account/other-way/",
]

PAGES: dict[str, Who] = {
    "": Who.EVERYBODY,  # leads to the sign-in, or to one's own organization
    **dict.fromkeys(_EVERYBODY, Who.EVERYBODY),
    **dict.fromkeys(_SECRET, Who.SECRET),
    **dict.fromkeys(_SIGNED_IN, Who.SIGNED_IN),
    **{INSIDE + path: Who.MEMBER for path in _MEMBER_PAGES},
    **{INSIDE + path: Who.ADMIN for path in _ADMIN_PAGES},
    INSIDE + "admin/": Who.ADMIN,
    **{f"{INSIDE}admin/{kind}{page}": Who.ADMIN for kind in _ADMIN_KINDS for page in _ROW_PAGES},
    **{f"{INSIDE}admin/{kind}{page}": Who.ADMIN for kind in _ADMIN_MAKES for page in _MAKING_PAGES},
    INSIDE + "admin/accounts/invitation/add/": Who.ADMIN,
    INSIDE + "admin/audit/auditevent/export/": Who.ADMIN,
    INSIDE + "admin/audit/auditevent/evidence/<uuid:run_id>/": Who.ADMIN,
    **{_SCIM + path: Who.KEY for path in _SCIM_PAGES},
    "ops/": Who.OPERATOR,
    **{f"ops/{kind}{page}": Who.OPERATOR for kind in _OPERATOR_KINDS for page in _ROW_PAGES},
    **{INSIDE + path: Who.OWNER for path in _OWNER_PAGES},
}

_API = "/api/v1/o/{slug}/"
OPERATIONS: dict[str, Who] = {
    f"get {_API}conversations/": Who.MEMBER,
    f"post {_API}conversations/": Who.MEMBER,
    f"get {_API}conversations/{{conversation_id}}/messages": Who.OWNER,
    f"post {_API}conversations/{{conversation_id}}/messages": Who.OWNER,
    f"get {_API}conversations/{{conversation_id}}/messages/{{message_id}}/answer": Who.OWNER,
    f"get {_API}runs/": Who.MEMBER,
    f"post {_API}runs/": Who.MEMBER,
    f"get {_API}runs/{{run_id}}": Who.OWNER,
    f"get {_API}runs/{{run_id}}/events": Who.OWNER,
    f"get {_API}runs/{{run_id}}/events/stream": Who.OWNER,
    f"get {_API}runs/{{run_id}}/plans": Who.OWNER,
    f"get {_API}runs/{{run_id}}/artifacts": Who.OWNER,
    f"get {_API}runs/{{run_id}}/effects": Who.OWNER,
    f"post {_API}runs/{{run_id}}/plan": Who.OWNER,
    f"post {_API}runs/{{run_id}}/signals": Who.OWNER,
    f"post {_API}runs/{{run_id}}/undo": Who.OWNER,
    f"post {_API}runs/{{run_id}}/retry": Who.OWNER,
    f"post {_API}runs/{{run_id}}/steps/{{key}}/redo": Who.OWNER,
    f"post {_API}runs/{{run_id}}/steps/{{key}}/undo": Who.OWNER,
    f"post {_API}runs/{{run_id}}/steps/{{key}}/outcome": Who.OWNER,
    f"get {_API}tasks/": Who.MEMBER,
    f"get {_API}tasks/{{task_id}}": Who.OWNER,
    f"post {_API}tasks/{{task_id}}/answer": Who.OWNER,
    f"post {_API}runs/{{run_id}}/cancel": Who.OWNER,
    f"post {_API}runs/{{run_id}}/pause": Who.OWNER,
    f"post {_API}runs/{{run_id}}/resume": Who.OWNER,
    f"post {_API}runs/{{run_id}}/steps/{{key}}/skip": Who.OWNER,
    f"get {_API}approvals/": Who.MEMBER,
    f"get {_API}approvals/{{consent_id}}": Who.OWNER,
    f"post {_API}approvals/{{consent_id}}/decision": Who.OWNER,
    f"get {_API}grants/": Who.MEMBER,
    f"post {_API}grants/{{grant_id}}/revoke": Who.OWNER,
    f"get {_API}grants/everybody/": Who.ADMIN,
    f"post {_API}grants/everybody/{{grant_id}}/revoke": Who.ADMIN,
}
TOPICS: dict[str, Who] = dict.fromkeys(["conversation", "run", "inbox", "chat"], Who.OWNER)
COMMANDS: dict[str, Who] = dict.fromkeys(["chat.send", "chat.typing", "chat.read"], Who.OWNER)

_OWN_TOOLS = [
    "calendar.create_event",
    "calendar.list_events",
    "calendar.find_events",
    "calendar.get_event",
    "calendar.free_busy",
    "calendar.move_event",
    "calendar.cancel_event",
    "calendar.create_reminder",
    "calendar.list_reminders",
    "calendar.cancel_reminder",
    "calendar.undo_change",
    "mail.write_draft",
    "mail.take_back_draft",
    "mail.list_drafts",
    "mail.send",
    "mail.search",
    "mail.read",
    "mail.find_people",
]
_SHARED_TOOLS = [
    "files.list",
    "files.read",
    "files.find",
    "files.write",
    "files.delete",
    "files.restore",
    "files.undo_change",
]
# What the tools of the built-in servers reach: the caller's own things, or the organization's.
TOOLS: dict[str, Who] = {**dict.fromkeys(_OWN_TOOLS, Who.OWNER), **dict.fromkeys(_SHARED_TOOLS, Who.MEMBER)}


def routes() -> Iterator[Route]:
    """Every address of the site but the API's operations, which have a table of their own."""
    for route in _walk(get_resolver(), ""):
        if not route.path.startswith("api/v1/o/"):
            yield route


def operations() -> Iterator[str]:
    for path, methods in schema()["paths"].items():
        yield from (f"{method} {path}" for method in methods)


def schema() -> OpenAPISchema:
    return api.get_openapi_schema()


def tools() -> set[str]:
    return {tool.name for tool in catalogue.tools()}


def topics_and_commands() -> tuple[set[str], set[str]]:
    return doors()


def _walk(resolver: URLResolver, prefix: str, namespace: str = "") -> Iterator[Route]:
    for item in resolver.url_patterns:
        path = prefix + str(item.pattern)
        if isinstance(item, URLPattern):
            yield Route(path, f"{namespace}{item.name}")
        else:
            yield from _walk(item, path, namespace + (f"{item.namespace}:" if item.namespace else ""))
