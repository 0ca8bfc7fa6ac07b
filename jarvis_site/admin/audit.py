"""The audit log, to be read and taken along."""

from collections.abc import AsyncIterator, Callable, Iterator
from functools import wraps
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.handlers.asgi import ASGIRequest
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.admin.base import OrganizationAdmin, acting
from accounts.selectors.names import member_names
from agents.selectors import runs_list, step_keys
from jarvis_site.audit.evidence import evidence, evidence_recorded
from jarvis_site.audit.exporting import Format, export, export_recorded
from jarvis_site.audit.models import AuditEvent
from jarvis_site.audit.selectors import with_words
from jarvis_site.kernel.errors import NotFound

# What actions begin with, by what people look for.
KINDS = {
    "sign-in": (_("Sign-in"), ("session", "sessions", "sso", "sign_in")),
    "people": (_("People"), ("member", "invitation", "join", "team", "scim", "organization")),
    "rights": (
        _("Rights"),
        ("role", "policy", "grant", "key", "keys", "scim_token", "sign_in_rules", "service_account"),
    ),
    "decisions": (_("Decisions"), ("consent", "task")),
    "runs": (_("Runs"), ("run", "runs", "plan", "step", "tool", "model")),
    "data": (_("Data"), ("export", "erasure", "data", "retention", "audit")),
}
# Of consents and questions, and of the policy.
DECISIONS = ("approved", "denied", "allow", "ask", "deny")


def _reading[**P](view: Callable[P, HttpResponseBase]) -> Callable[P, HttpResponseBase]:
    """Nothing is there for other methods, before anybody is asked for a proof."""

    @wraps(view)
    def reading(*args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        request: Any = args[0]
        if request.method not in {"GET", "HEAD"}:
            raise NotFound
        return view(*args, **kwargs)

    return reading


class KindFilter(admin.SimpleListFilter):
    title = _("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(value, label) for value, (label, _beginnings) in KINDS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        kind = KINDS.get(self.value() or "")
        return queryset.filter(action__regex=rf"^({'|'.join(kind[1])})\.") if kind else queryset


class DecisionFilter(admin.SimpleListFilter):
    title = _("decision")
    parameter_name = "decided"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(value, value) for value in DECISIONS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(decision=self.value()) if self.value() in DECISIONS else queryset


class AuditEventAdmin(OrganizationAdmin):
    title = _("Audit log")
    reading = access.AUDIT_VIEW
    change_list_template = "admin/audit_list.html"
    list_display = ("at", "who", "action", "resource_type", "resource", "decision", "reason", "run")
    # Fixed lists only: the values that exist would take a look at the whole log.
    list_filter = (("at", admin.DateFieldListFilter), KindFilter, DecisionFilter)
    filters = ("action", "resource_type", "resource_id", "member_id", "run_id", "decision")
    search_fields = ("action", "resource_type", "resource_id")
    search_help_text = _("Action, or what it was done to")
    ordering = ("-at", "-id")
    fields = (*list_display, "request_id", "details", "words")
    readonly_fields = fields

    def get_urls(self) -> list[URLPattern]:
        own = self.admin_site.admin_view
        return [
            path("export/", _reading(own(self.export_view)), name="audit_auditevent_export"),
            path("evidence/<uuid:run_id>/", _reading(own(self.evidence_view)), name="audit_auditevent_evidence"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        run = request.GET.get("run_id__exact", "")
        return super().changelist_view(request, {"evidence_of": _uuid(run), **(extra_context or {})})

    def export_view(self, request: HttpRequest) -> StreamingHttpResponse:
        """The whole record as a file. That it was taken is on record before its first byte leaves."""
        self._require(request)
        form = Format(request.GET["format"]) if request.GET.get("format") in set(Format) else Format.JSONL
        export_recorded(form=form)
        pieces = export(organization_id=acting(request).organization_id, form=form)
        return _download(request, pieces, name=f"audit.{form.value}", content_type=form.content_type)

    def evidence_view(self, request: HttpRequest, run_id: UUID) -> StreamingHttpResponse:
        """What proves the record of a run, for `verify_evidence.py`."""
        self._require(request)
        evidence_recorded(run_id=run_id)
        pieces = evidence(organization_id=acting(request).organization_id, run_id=run_id)
        return _download(request, pieces, name=f"evidence-{run_id}.json", content_type="application/json")

    def _require(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    @admin.display(description=_("who"))
    def who(self, row: Any) -> str:
        """Leads to everything that they did."""
        name = str(_beside(row)[0])
        if row.member_id is None:
            return name
        trail, _page = getattr(row, "leads_to", ("", ""))
        return format_html('<a href="{}?member_id__exact={}">{}</a>', trail, row.member_id, name or row.member_id)

    @admin.display(description=_("id"))
    def resource(self, row: Any) -> str:
        """Leads to the history of the thing: everything that was done to it."""
        trail, _page = getattr(row, "leads_to", ("", ""))
        query = {"resource_type__exact": row.resource_type, "resource_id__exact": row.resource_id}
        return format_html('<a href="{}?{}">{}</a>', trail, urlencode(query), row.resource_id)

    @admin.display(description=_("reason"))
    def reason(self, row: Any) -> str:
        return str(_beside(row)[1].get("reason", ""))

    @admin.display(description=_("words"))
    def words(self, row: Any) -> str:
        return "\n".join(f"{name}: {value}" for name, value in _beside(row)[1].items())

    @admin.display(description=_("run"))
    def run(self, row: Any) -> str:
        """Leads to everything that was recorded of the run, and its own person to the run, or to the step, itself."""
        if row.run_id is None:
            return ""
        trail, page = getattr(row, "leads_to", ("", ""))
        link = format_html('<a href="{}?run_id__exact={}">{}</a>', trail, row.run_id, row.run_id)
        return format_html('{} · <a href="{}">{}</a>', link, page, _("open")) if page else link

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Look names and words of a page up at once: they stand beside the log."""
        found = super().get_changelist_instance(request)
        rows = list(found.result_list)
        _look_up(rows)
        _join(request, rows, trail="")
        return found

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        found = super().get_object(request, object_id, from_field)
        _join(request, [found] if found else [], trail="../../")
        return found


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _download(request: HttpRequest, pieces: Iterator[str], *, name: str, content_type: str) -> StreamingHttpResponse:
    body: Any = _one_by_one(pieces) if isinstance(request, ASGIRequest) else pieces
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    answer = StreamingHttpResponse(body, content_type=content_type, headers=headers)
    answer.own_scope = True  # type: ignore[attr-defined]  # each page opens it; the tenant middleware asks
    return answer


async def _one_by_one(pieces: Iterator[str]) -> AsyncIterator[str]:
    """Django would take all of an ordinary iterator into memory first."""
    while (piece := await sync_to_async(_next)(pieces)) is not None:
        yield piece


def _next(pieces: Iterator[str]) -> str | None:
    return next(pieces, None)


def _beside(row: Any) -> tuple[str, dict[str, Any]]:
    """The name of who acted, and the words."""
    if not hasattr(row, "beside"):
        _look_up([row])
    found: tuple[str, dict[str, Any]] = row.beside
    return found


def _join(request: HttpRequest, rows: list[AuditEvent], *, trail: str) -> None:
    """Say where each row leads: to the log of its run, and for the person whose run it is to its page."""
    own = runs_list(actor=acting(request)).filter(id__in={row.run_id for row in rows if row.run_id})
    mine = set(own.values_list("id", flat=True))
    wanted = [row.resource_id for row in rows if row.resource_type == "agents.step" and row.run_id in mine]
    keys = {str(step_id): key for step_id, key in step_keys(step_ids=wanted)} if wanted else {}
    slug = request.organization.slug  # type: ignore[attr-defined]  # set by the middleware
    for row in rows:
        page = ""
        if row.run_id in mine:
            key = keys.get(row.resource_id)
            page = (
                reverse("agents:step", settings.ROOT_URLCONF, [slug, row.run_id, key])
                if key
                else reverse("agents:detail", settings.ROOT_URLCONF, [slug, row.run_id])
            )
        row.leads_to = (trail, page)  # type: ignore[attr-defined]  # for the column


def _look_up(rows: list[AuditEvent]) -> None:
    people = member_names({row.member_id for row in rows})
    for row, words in with_words(rows):
        row.beside = (people.get(row.member_id, ""), words)  # type: ignore[attr-defined]  # for the columns
