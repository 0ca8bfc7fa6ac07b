"""The doors below `/scim/v2/<slug>/`. A token of the organization opens them, and nothing else."""

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from accounts.errors import WrongToken
from accounts.models import Membership, ScimToken, Team
from accounts.scim import discovery
from accounts.scim.errors import InvalidSyntax, kind_of
from accounts.scim.patches import Resource, member, patched
from accounts.scim.queries import groups_matching, users_matching
from accounts.scim.resources import (
    group_from,
    group_resource,
    hides,
    laid_over,
    person_from,
    shown,
    user_resource,
)
from accounts.selectors.scim import group_get, groups, groups_of, members_of, people, person_get
from accounts.services import scim
from accounts.services.scim_tokens import token_use
from accounts.services.wrong_keys import client_address
from jarvis_site.kernel.errors import JarvisError, NotFound
from jarvis_site.kernel.tenancy import tenant

MEDIA_TYPE = "application/scim+json"
_MESSAGES = "urn:ietf:params:scim:api:messages:2.0:"


class _TooLarge(JarvisError):
    code = "too_large"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


@method_decorator([csrf_exempt, never_cache], name="dispatch")
class Door(View):
    """Looks at the token, opens the organization's scope, and puts every refusal into SCIM's words."""

    request: HttpRequest
    slug: str
    token: ScimToken

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.slug = kwargs.pop("slug")
        try:
            self.token = _token(request, self.slug)
            with tenant(self.token.organization_id):
                return super().dispatch(request, *args, **kwargs)
        except JarvisError as error:
            return _problem(error)

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        answer = _error(HTTPStatus.METHOD_NOT_ALLOWED, _("This is not offered here."))
        answer["Allow"] = super().http_method_not_allowed(request, *args, **kwargs)["Allow"]
        return answer

    def locate(self, kind: str, resource_id: UUID) -> str:
        return f"{self.root()}{kind}/{resource_id}"

    def root(self) -> str:
        return self.request.build_absolute_uri(reverse("scim:root", kwargs={"slug": self.slug}))

    def asked(self, name: str) -> str:
        return self.request.GET.get(name, "")

    def page(self, rows: Any, of: Any) -> HttpResponse:
        """One page of rows, each turned into a resource by `of`, which takes them all at once."""
        start, count = max(1, _number(self.asked("startIndex"), 1)), _number(self.asked("count"), discovery.PAGE)
        found = list(rows[start - 1 : start - 1 + max(0, min(count, discovery.PAGE))])
        return _list(of(found), total=rows.count(), start=start)

    def answer(self, resource: Resource, status: HTTPStatus = HTTPStatus.OK) -> HttpResponse:
        body = shown(resource, only=self.asked("attributes"), but=self.asked("excludedAttributes"))
        answer = _json(body, status)
        answer["Location"] = resource["meta"]["location"]
        return answer

    def hidden(self, attribute: str) -> bool:
        return hides(attribute, only=self.asked("attributes"), but=self.asked("excludedAttributes"))


class UserDoor(Door):
    def resources(self, members: list[Membership]) -> list[Resource]:
        groups = {} if self.hidden("groups") else groups_of([row.id for row in members])
        return [user_resource(row, groups=groups.get(row.id, []), locate=self.locate) for row in members]

    def resource(self, membership: Membership) -> Resource:
        return self.resources([membership])[0]


class Users(UserDoor):
    def get(self, request: HttpRequest) -> HttpResponse:  # noqa: ARG002 - Django's signature
        rows = people()
        if text := self.asked("filter"):
            rows = rows.filter(users_matching(text))
        return self.page(rows, self._shown)

    def post(self, request: HttpRequest) -> HttpResponse:
        person = person_from(laid_over({}, _body(request)), before={})
        made = scim.person_create(person=person, token=self.token)
        return self.answer(self.resource(made), HTTPStatus.CREATED)

    def _shown(self, members: list[Membership]) -> list[Resource]:
        only, but = self.asked("attributes"), self.asked("excludedAttributes")
        return [shown(resource, only=only, but=but) for resource in self.resources(members)]


class User(UserDoor):
    def get(self, request: HttpRequest, member_id: str) -> HttpResponse:  # noqa: ARG002 - Django's signature
        return self.answer(self.resource(person_get(member_id=_id(member_id))))

    def put(self, request: HttpRequest, member_id: str) -> HttpResponse:
        body = _body(request)
        return self._changed(member_id, lambda before: laid_over(before, body))

    def patch(self, request: HttpRequest, member_id: str) -> HttpResponse:
        body = _body(request)
        return self._changed(member_id, lambda before: patched(before, body))

    def delete(self, request: HttpRequest, member_id: str) -> HttpResponse:  # noqa: ARG002 - Django's signature
        scim.person_remove(member_id=_id(member_id), token=self.token)
        return HttpResponse(status=HTTPStatus.NO_CONTENT)

    def _changed(self, member_id: str, act: Any) -> HttpResponse:
        def change(membership: Membership) -> scim.Person:
            before = self.resource(membership)
            return person_from(act(before), before=before)

        changed = scim.person_change(member_id=_id(member_id), change=change, token=self.token)
        return self.answer(self.resource(changed))


class GroupDoor(Door):
    def resources(self, teams: list[Team], *, whole: bool = False) -> list[Resource]:
        members = {} if self.hidden("members") and not whole else members_of([row.id for row in teams])
        return [group_resource(row, members=members.get(row.id, []), locate=self.locate) for row in teams]

    def resource(self, team: Team, *, whole: bool = False) -> Resource:
        return self.resources([team], whole=whole)[0]


class Groups(GroupDoor):
    def get(self, request: HttpRequest) -> HttpResponse:  # noqa: ARG002 - Django's signature
        rows = groups()
        if text := self.asked("filter"):
            rows = rows.filter(groups_matching(text))
        return self.page(rows, self._shown)

    def post(self, request: HttpRequest) -> HttpResponse:
        group = group_from(laid_over({}, _body(request)))
        made = scim.group_create(group=group, token=self.token)
        return self.answer(self.resource(made), HTTPStatus.CREATED)

    def _shown(self, teams: list[Team]) -> list[Resource]:
        only, but = self.asked("attributes"), self.asked("excludedAttributes")
        return [shown(resource, only=only, but=but) for resource in self.resources(teams)]


class Group(GroupDoor):
    def get(self, request: HttpRequest, team_id: str) -> HttpResponse:  # noqa: ARG002 - Django's signature
        return self.answer(self.resource(group_get(team_id=_id(team_id))))

    def put(self, request: HttpRequest, team_id: str) -> HttpResponse:
        body = _body(request)
        changed = self._changed(team_id, lambda before: laid_over(before, body))
        return self.answer(self.resource(changed))

    def patch(self, request: HttpRequest, team_id: str) -> HttpResponse:
        """Answers with nothing, as both dialects expect: a group can be thousands of people."""
        body = _body(request)
        self._changed(team_id, lambda before: patched(before, body))
        return HttpResponse(status=HTTPStatus.NO_CONTENT)

    def delete(self, request: HttpRequest, team_id: str) -> HttpResponse:  # noqa: ARG002 - Django's signature
        scim.group_delete(team_id=_id(team_id), token=self.token)
        return HttpResponse(status=HTTPStatus.NO_CONTENT)

    def _changed(self, team_id: str, act: Any) -> Team:
        def change(team: Team) -> scim.Group:
            return group_from(act(self.resource(team, whole=True)))

        return scim.group_change(team_id=_id(team_id), change=change, token=self.token)


class Config(Door):
    def get(self, request: HttpRequest) -> HttpResponse:  # noqa: ARG002 - Django's signature
        return _json(discovery.service_provider_config(self.root()))


class Catalogue(Door):
    """A list that is the same for everybody, whole or one by one."""

    listed: Callable[[str], list[Resource]]

    def get(self, request: HttpRequest, name: str = "") -> HttpResponse:  # noqa: ARG002 - Django's signature
        items = type(self).listed(self.root())
        if not name:
            return _list(items, total=len(items), start=1)
        found = next((item for item in items if item["id"] == name), None)
        if found is None:
            raise NotFound
        return _json(found)


class ResourceTypes(Catalogue):
    listed = staticmethod(discovery.resource_types)


class Schemas(Catalogue):
    listed = staticmethod(discovery.schemas)


class Nothing(Door):
    """What is not offered: not there for who has a token, and not told to who has none."""

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:  # noqa: ARG002
        raise NotFound


def _token(request: HttpRequest, slug: str) -> ScimToken:
    scheme, _space, text = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise WrongToken
    return token_use(slug=slug, text=text.strip(), address=client_address(request))


def _body(request: HttpRequest) -> dict[str, Any]:
    try:
        body = json.loads(request.body)
        # What the database can not keep: a zero character, and halves of surrogate pairs.
        kept = json.dumps(body, ensure_ascii=False).encode()
    except RequestDataTooBig:
        raise _TooLarge(_("This is too large for one request.")) from None
    except (ValueError, RecursionError):
        raise InvalidSyntax from None
    if not isinstance(body, dict) or rb"\u0000" in kept or not isinstance(member(body, "schemas") or [], list):
        raise InvalidSyntax
    return body


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None


def _number(text: str, default: int) -> int:
    try:
        return min(int(text), 10**9) if text else default
    except ValueError:
        return default


def _list(resources: list[Resource], *, total: int, start: int) -> HttpResponse:
    return _json(
        {
            "schemas": [f"{_MESSAGES}ListResponse"],
            "totalResults": total,
            "startIndex": start,
            "itemsPerPage": len(resources),
            "Resources": resources,
        }
    )


def _problem(error: JarvisError) -> HttpResponse:
    answer = _error(error.status, str(error.message), kind_of(error))
    if error.status == HTTPStatus.UNAUTHORIZED:
        answer["WWW-Authenticate"] = "Bearer"
    return answer


def _error(status: int, detail: str, kind: str = "") -> HttpResponse:
    body = {"schemas": [f"{_MESSAGES}Error"], "status": str(int(status)), "detail": detail}
    return _json({**body, **({"scimType": kind} if kind else {})}, status)


def _json(body: Any, status: int = HTTPStatus.OK) -> HttpResponse:
    return JsonResponse(body, status=status, content_type=MEDIA_TYPE)
