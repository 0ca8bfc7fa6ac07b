"""What all pages of the administration share: rights by named actions, changes by services, our own audit as history.

Django's log of changes is never written: it belongs to no organization.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import unquote

from django.contrib import admin, messages
from django.contrib.admin.options import ActionLocation
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model, Q, QuerySet
from django.forms import Field as FormField
from django.forms import Media
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin

from accounts import access
from accounts.contracts import Actor
from accounts.selectors.names import member_names
from jarvis_site.audit.selectors import events_of
from jarvis_site.kernel.errors import JarvisError, NotFound

# Enough to see how a thing came to be as it is; the audit log itself has pages.
HISTORY_LENGTH = 100
# A page that a person reads; longer ones are searched.
PAGE_LENGTH = 50


def acting(request: HttpRequest) -> Actor:
    """Who acts; the tenant middleware has let nobody else in."""
    actor: Actor = request.actor  # type: ignore[attr-defined]  # set by the middleware
    return actor


class RecordAdmin(ModelAdmin):
    """Pages about one kind of row. What may be changed is said by each class; by default nothing is.

    Attributes:
        title: what a list of them is called.
        adds, removes: whether there is a form to add one, and a page to delete one.
        filters: fields, beyond those of `list_filter`, whose values may stand in the address.
    """

    title: Any = ""
    adds = False
    removes = False
    filters: tuple[str, ...] = ()
    list_per_page = PAGE_LENGTH
    list_max_show_all = PAGE_LENGTH
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    view_on_site = False
    actions_on_top = True
    list_filter_sheet = False
    delete_confirmation_template = "admin/delete_record.html"
    object_history_template = "admin/record_history.html"

    @property
    def media(self) -> Media:
        """Pages work without scripts; this one selects all rows of a list."""
        return Media(js=["js/admin-actions.js"])

    def get_urls(self) -> list[URLPattern]:
        """Only pages that exist for this kind: no address answers "you may not" where nobody ever may."""
        wanted = {"changelist", "change", "history"}
        wanted |= ({"add"} if self.adds else set()) | ({"delete"} if self.removes else set())
        return [route for route in super().get_urls() if route.name and route.name.rpartition("_")[2] in wanted]

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Only what the page offers to filter by: Django allows every column, so also guesses at digests."""
        offered = {*self.filters, *map(_filter_name, self.list_filter)}
        return lookup.partition("__")[0] in offered and bool(super().lookup_allowed(lookup, value, request))

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> FormField | None:
        """Choices are plain lists; there are no windows to add or look up something on the way."""
        field: FormField | None = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and hasattr(field.widget, "can_add_related"):
            field.widget = field.widget.widget
        return field

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        try:
            answer: HttpResponse = super().changelist_view(request, {"title": self.title, **(extra_context or {})})
        except ValidationError as error:  # an id that is none, in a list of selected rows
            raise NotFound from error
        return answer

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if "_saveasnew" in request.POST:
            raise NotFound  # Django adds a row then, though no page offers it
        try:
            answer: HttpResponse = super().changeform_view(
                request, object_id, form_url, self._with_title(extra_context)
            )
        except JarvisError as error:  # a service refused; its transaction is undone
            return self._back(request, error)
        return answer

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        try:
            answer: HttpResponse = super().delete_view(request, object_id, self._with_title(extra_context))
        except JarvisError as error:
            return self._back(request, error)
        return answer

    def get_deleted_objects(
        self, objs: Sequence[Model], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Nothing is deleted by the ORM's cascade: the service says what goes with it, or refuses."""
        return [str(item) for item in objs], {str(self.opts.verbose_name_plural): len(objs)}, set(), []

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        item = self.get_object(request, unquote(object_id))
        if item is None:
            gone: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return gone
        if not self.has_view_permission(request, item):
            raise PermissionDenied
        events = events_of(resource=item, length=HISTORY_LENGTH)
        people = member_names(event.member_id for event, _words in events)
        context = {
            **self.admin_site.each_context(request),
            "title": _("History: %s") % item,
            "events": [(event, words, people.get(event.member_id)) for event, words in events],
            "object": item,
            "opts": self.opts,
            **self._with_title(extra_context),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, self.object_history_template, context)

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> None:
        """The service has written the audit row."""

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> None:
        """The service has written the audit row."""

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """The service has written the audit row."""

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Refuse: a class that can be changed says by which service."""
        raise PermissionDenied

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Nothing: rows are written by services."""

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Refuse: a class that can be deleted says by which service."""
        raise PermissionDenied

    def get_actions(
        self, request: HttpRequest, action_location: ActionLocation = ActionLocation.CHANGE_LIST
    ) -> dict[str, Any]:
        """Without Django's "delete selected", which asks no service."""
        found = super().get_actions(request, action_location=action_location)
        return {name: action for name, action in found.items() if name != "delete_selected"}

    def get_action_choices(
        self,
        request: HttpRequest,
        default_choices: Any = None,
        action_location: ActionLocation = ActionLocation.CHANGE_LIST,
    ) -> list[tuple[str, str]]:
        """Unfold's own does not know Django 6.1's last argument."""
        first = default_choices or [("", _("With the selected rows..."))]
        return admin.ModelAdmin.get_action_choices(self, request, first, action_location=action_location)

    def _with_title(self, extra_context: dict[str, Any] | None) -> dict[str, Any]:
        return {"list_title": self.title, **(extra_context or {})}

    def _back(self, request: HttpRequest, error: JarvisError) -> HttpResponse:
        messages.error(request, str(error))
        return HttpResponseRedirect(request.get_full_path())

    def each(self, request: HttpRequest, rows: Iterable[Any], act: Callable[[Any], object], *, done: Any) -> None:
        """Do something to each selected row, say how many it was, and why not for the others.

        Args:
            done: what to say, an `ngettext_lazy` of `count`.
        """
        count = 0
        for row in rows:
            try:
                act(row)
            except JarvisError as error:
                messages.error(request, f"{row}: {error}")
            else:
                count += 1
        if count:
            messages.success(request, done % {"count": count})


def _filter_name(item: Any) -> str:
    """What an entry of `list_filter` reads from the address."""
    if isinstance(item, type):
        return str(getattr(item, "parameter_name", ""))
    return str(item[0] if isinstance(item, tuple) else item)


class OrganizationAdmin(RecordAdmin):
    """Pages for the admins of one organization.

    Attributes:
        reading, writing: the actions of `accounts.access` that they need.
    """

    reading: str
    writing: str | None = None

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return access.may(acting(request), self.reading)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(self._form_fields()) and self.may_write(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.adds and self.may_write(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.removes and self.may_write(request)

    def has_write_permission(self, request: HttpRequest) -> bool:
        """For `@admin.action(permissions=["write"])`."""
        return self.may_write(request)

    def may_write(self, request: HttpRequest) -> bool:
        return self.writing is not None and access.may(acting(request), self.writing)

    def _form_fields(self) -> set[str]:
        return set(self.fields or ()) - set(self.readonly_fields)


class StateFilter(admin.SimpleListFilter):
    """Filter by what a row's times say about it.

    Attributes:
        states: value in the address -> its label and the condition.
    """

    title: Any = ""
    parameter_name = "state"
    states: dict[str, tuple[Any, Q]] = {}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(value, label) for value, (label, _condition) in self.states.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        state = self.states.get(self.value() or "")
        return queryset.filter(state[1]) if state else queryset
