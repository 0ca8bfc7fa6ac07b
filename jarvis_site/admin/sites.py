"""The two sites: who gets in, whose rows they see, how addresses are made, and the frame around the pages."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import SimpleTemplateResponse
from django.templatetags.static import static
from django.urls import URLPattern, URLResolver, get_script_prefix, get_urlconf, reverse, set_script_prefix, set_urlconf
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from unfold.sites import UnfoldAdminSite

from accounts import access
from accounts.admin.base import acting
from accounts.models import User
from accounts.step_up import fresh_proof_require
from jarvis_site.kernel.errors import NotFound
from jarvis_site.kernel.tenancy import all_tenants

type View = Callable[..., HttpResponse]

# Signing in and out and one's password have pages of their own. Unfold's search keeps what it found for a person
# whichever organization they asked in, and "view on site" tells whether an id exists.
_LEFT_OUT = {
    *("login", "logout", "password_change", "password_change_done", "autocomplete", "jsi18n", "view_on_site"),
    *("search", "app_list"),
}


class Group:
    """Some entries of the navigation under one heading: kinds of rows, each with its icon."""

    def __init__(self, title: str | Promise, **kinds: tuple[type[Model], str]) -> None:
        self.title = title
        self.kinds: Sequence[tuple[type[Model], str]] = tuple(kinds.values())


class Site(UnfoldAdminSite, ABC):
    """What both have in common."""

    final_catch_all_view = False
    index_title = _("Overview")
    index_template = "admin/home.html"
    groups: Sequence[Group] = ()
    header: str | Promise = ""

    @abstractmethod
    def scope(self, request: HttpRequest, slug: str | None) -> AbstractContextManager[None]:
        """Whose rows a request is about; open until the page is rendered."""

    @abstractmethod
    def subject(self, request: HttpRequest) -> str | Promise:
        """Name, below the site's own, what is administered."""

    @abstractmethod
    def way_out(self, request: HttpRequest) -> str:
        """Return where the product itself is."""

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """Let nobody else in, and say to them that there is nothing.

        Every change here is a risky act, so it takes a fresh proof of who the person is. The page is rendered here:
        templates run queries and make addresses, and afterwards the scope is closed.
        """

        @wraps(view)
        def inner(request: HttpRequest, *args: Any, slug: str | None = None, **kwargs: Any) -> HttpResponse:
            if not self.has_permission(request):
                raise NotFound
            if request.method == "POST":
                fresh_proof_require(request)
            with self.scope(request, slug):
                response = view(request, *args, **kwargs)
                if isinstance(response, SimpleTemplateResponse):
                    response.render()
            return response

        return csrf_protect(inner if cacheable else never_cache(inner))

    def get_urls(self) -> list[URLPattern | URLResolver]:
        return [route for route in super().get_urls() if getattr(route, "name", None) not in _LEFT_OUT]

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Nothing: the navigation is not by apps."""
        return []

    def get_log_entries(self, request: HttpRequest) -> list[Any]:
        """Nothing: Django's log is never written."""
        return []

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        request.has_own_frame = True  # type: ignore[attr-defined]  # read by `jarvis_site.shell`
        theme = getattr(request.user, "theme", "")
        return {
            **super().each_context(request),
            "site_title": "Jarvis",
            "site_header": self.header,
            "site_subheader": self.subject(request),
            "site_icon": static("img/mark.svg"),
            "way_out": self.way_out(request),
            "theme": theme,
            "colors": None,  # they stand in a style sheet of ours, for which the policy needs no exception
            "styles": [],
            "show_history": True,
            "show_back_button": True,
            "sidebar_navigation": [self._group(request, group) for group in self.groups],
            "log_out": outside("account_logout"),
        }

    def _group(self, request: HttpRequest, group: Group) -> dict[str, Any]:
        items = [self._item(request, kind, icon) for kind, icon in group.kinds if self._may_see(request, kind)]
        return {"title": group.title, "items": items}

    def _may_see(self, request: HttpRequest, kind: type[Model]) -> bool:
        page = self._registry.get(kind)
        return page is not None and bool(page.has_view_permission(request))

    def _item(self, request: HttpRequest, kind: type[Model], icon: str) -> dict[str, Any]:
        page = self._registry[kind]
        link = reverse(f"{self.name}:{kind._meta.app_label}_{kind._meta.model_name}_changelist")
        return {
            "title": page.title,
            "link": link,
            "icon": icon,
            "active": request.path.startswith(link),
            "has_permission": True,
        }


class OrganizationSite(Site):
    """For admins of one organization, at its address, inside its scope and under the application's own role."""

    header = _("Administration")

    def has_permission(self, request: HttpRequest) -> bool:
        return hasattr(request, "actor") and access.may(acting(request), access.ADMINISTRATION)

    def scope(self, request: HttpRequest, slug: str | None) -> AbstractContextManager[None]:
        return addresses_below(f"/o/{slug}/")

    def subject(self, request: HttpRequest) -> str:
        return str(request.organization.name)  # type: ignore[attr-defined]  # set by the middleware

    def way_out(self, request: HttpRequest) -> str:
        return outside("chat:list", slug=request.organization.slug)  # type: ignore[attr-defined]  # the same


class OperatorSite(Site):
    """For operators, who see all organizations, under the role jarvis_platform; what they change, they change inside
    the organization it belongs to, where it is recorded."""

    header = _("Operations")

    def has_permission(self, request: HttpRequest) -> bool:
        user = request.user
        if not isinstance(user, User):
            return False
        return user.is_active and user.is_superuser and user.is_staff and second_factor_shown(request, user)

    def scope(self, request: HttpRequest, slug: str | None) -> AbstractContextManager[None]:
        return all_tenants()

    def subject(self, request: HttpRequest) -> str | Promise:
        return _("All organizations")

    def way_out(self, request: HttpRequest) -> str:
        return outside("home")


def second_factor_shown(request: HttpRequest, user: User) -> bool:
    """Whether this session was opened with a second factor, if the person has one."""
    if not apps.is_installed("allauth.mfa"):
        return True
    from allauth.account.authentication import get_authentication_records
    from allauth.mfa.utils import is_mfa_enabled

    used = {record.get("method") for record in get_authentication_records(request, user)}
    return "mfa" in used or not is_mfa_enabled(user)


@contextmanager
def addresses_below(prefix: str) -> Iterator[None]:
    """Make addresses as if the administration were mounted at a path: Django's reverses its own pages without the
    organization in their address."""
    before = get_script_prefix(), get_urlconf()
    set_script_prefix(prefix)
    set_urlconf("jarvis_site.admin.addresses")
    try:
        yield
    finally:
        set_script_prefix(before[0])
        set_urlconf(before[1])


def outside(name: str, **parameters: str) -> str:
    """Return an address of the site itself, whatever the administration is mounted at."""
    before = get_script_prefix()
    set_script_prefix("/")
    try:
        return reverse(name, urlconf=settings.ROOT_URLCONF, kwargs=parameters)
    finally:
        set_script_prefix(before)
