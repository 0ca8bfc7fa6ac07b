"""The pages on which a person changes a plan: each change is checked, and becomes the plan's next version."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.contracts import Actor
from accounts.middleware import request_actor
from agents.contracts import StepState, ToolSpec
from agents.contracts.flow import is_flow
from agents.edits import Change, Drop, Edit, InsertPerson, Reorder
from agents.errors import CannotRetry, PlanRefused
from agents.forms import ArgumentsForm, AskFirstForm
from agents.models import Run, Step
from agents.orchestrator import tools
from agents.run_cards import RunCard, card_of
from agents.selectors import run_get
from agents.services import plan_edit, step_redo
from agents.telling import sentence
from agents.views.acts import reason_of
from jarvis_site.kernel.errors import Conflict, Invalid, NotFound


@require_safe
def plan_page(request: HttpRequest, slug: str, run_id: UUID) -> HttpResponse:  # noqa: ARG001 - the scope was opened
    return render(request, "agents/plan_edit.html", _context(_run(request, run_id), request_actor(request)))


@require_http_methods(["GET", "HEAD", "POST"])
def plan_step(request: HttpRequest, slug: str, run_id: UUID, key: str) -> HttpResponse:  # noqa: ARG001
    """The arguments of a step in a form, and which tool does it."""
    run = _run(request, run_id)
    shown, step = _changeable(run, key, request_actor(request), again=True)
    spec = _tool(request.POST.get("tool") or request.GET.get("tool") or step.tool)
    same = spec.name == step.tool
    form = ArgumentsForm(
        request.POST if "save" in request.POST else None,
        schema=spec.input_schema,
        arguments=step.arguments if same else _fitting(step, spec),
    )
    if form.is_bound and form.is_valid():
        arguments = form.arguments()
        title = sentence(spec.title, arguments)
        edit = Change(key, spec.name, arguments, title, reason=reason_of(request))
        if done := _tried(request, run, edit, form, again=step.begun):
            return redirect(done)
    others = [tool for tool in tools() if not is_flow(tool.name)]
    context = {
        **_context(run, request_actor(request), shown),
        "step": step,
        "form": form,
        "spec": spec,
        "others": others,
    }
    return render(request, "agents/plan_step.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def plan_ask_first(request: HttpRequest, slug: str, run_id: UUID, key: str) -> HttpResponse:  # noqa: ARG001
    """Put a question to people before a step."""
    run = _run(request, run_id)
    shown, step = _changeable(run, key, request_actor(request))
    form = AskFirstForm(request.POST or None)
    if form.is_bound and form.is_valid():
        title = _("Ask before: %(title)s") % {"title": step.title}
        edit = InsertPerson(key, form.arguments(), title[:300], reason=reason_of(request))
        if done := _tried(request, run, edit, form):
            return redirect(done)
    context = {**_context(run, request_actor(request), shown), "step": step, "form": form}
    return render(request, "agents/plan_ask_first.html", context, status=422 if form.is_bound else 200)


@require_POST
def plan_drop(request: HttpRequest, slug: str, run_id: UUID, key: str) -> HttpResponse:  # noqa: ARG001
    run = _run(request, run_id)
    return redirect(_tried(request, run, Drop(key, reason=reason_of(request))) or _address(request, run))


@require_POST
def plan_order(request: HttpRequest, slug: str, run_id: UUID, key: str) -> HttpResponse:  # noqa: ARG001
    run = _run(request, run_id)
    edit = Reorder(key, tuple(request.POST.getlist("after")), reason=reason_of(request))
    return redirect(_tried(request, run, edit) or _address(request, run))


def _tried(request: HttpRequest, run: Run, edit: Edit, form: Any = None, *, again: bool = False) -> str | None:
    """Make the change and return where to go; what is wrong with it is said in the form, or on the page.

    Args:
        again: the step is over, and is done once more.
    """
    actor, base = request_actor(request), _base(request)
    try:
        if again and isinstance(edit, Change):
            step_redo(run_id=run.id, key=edit.key, actor=actor, base=base, change=edit)
        else:
            plan_edit(run_id=run.id, actor=actor, base=base, edit=edit)
    except CannotRetry as error:
        form.add_error(None, str(error))
        return None
    except PlanRefused as error:
        for fault in error.faults:
            if form is None:
                messages.error(request, fault.message)
            else:
                form.add_error(None, fault.message)
        return None
    messages.success(request, _("Changed. The plan has a new version."))
    return _address(request, run)


def _base(request: HttpRequest) -> int:
    """The version that the person was looking at."""
    text = request.POST.get("base", "")
    if not text.isascii() or not text.isdecimal():
        raise Invalid
    return int(text[:9])


def _run(request: HttpRequest, run_id: UUID) -> Run:
    return run_get(run_id=run_id, actor=request_actor(request))


def _changeable(run: Run, key: str, actor: Actor, *, again: bool = False) -> tuple[RunCard, Step]:
    """The step that may be changed.

    Args:
        again: also one that is over, which is then done once more.
    """
    shown = card_of(run=run, actor=actor)
    step = next((node.step for node in shown.nodes if node.step.key == key and not node.step.parent), None)
    if step is None:
        raise NotFound
    over = StepState(step.state).final and step.retired_in is None and not step.undoes
    if (step.begun or shown.over) and not (again and over):
        raise Conflict
    return shown, step


def _tool(name: str) -> ToolSpec:
    found = next((tool for tool in tools() if tool.name == name), None)
    if found is None:
        raise NotFound
    return found


def _fitting(step: Step, spec: ToolSpec) -> dict[str, Any]:
    """What the arguments of one tool give another: those of the same name."""
    properties = spec.input_schema.get("properties")
    names = properties if isinstance(properties, dict) else {}
    return {name: value for name, value in step.arguments.items() if name in names}


def _context(run: Run, actor: Actor, shown: RunCard | None = None) -> dict[str, Any]:
    return {"run": run, "card": shown or card_of(run=run, actor=actor)}


def _address(request: HttpRequest, run: Run) -> str:
    return reverse("agents:plan", args=[request.resolver_match.kwargs["slug"], run.id])  # type: ignore[union-attr]  # a view has been found
