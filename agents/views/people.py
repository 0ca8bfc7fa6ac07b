"""Questions that runs put to people: the list of one's own, and the page of one."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.middleware import request_actor
from agents.errors import BadAnswer
from agents.forms import AnswerForm
from agents.human_tasks import task_get, tasks_waiting
from agents.models import HumanTask
from agents.services import task_answer

LISTED = 100


@require_safe
def question_list(request: HttpRequest, slug: str) -> HttpResponse:  # noqa: ARG001 - the scope was opened from it
    tasks = list(tasks_waiting(actor=request_actor(request)).select_related("run")[:LISTED])
    return render(request, "agents/question_list.html", {"tasks": tasks})


@require_http_methods(["GET", "HEAD", "POST"])
def question_detail(request: HttpRequest, slug: str, task_id: UUID) -> HttpResponse:
    actor = request_actor(request)
    task = task_get(task_id=task_id, actor=actor)
    form = AnswerForm(request.POST if request.method == "POST" else None, form=task.form)
    if form.is_bound and form.is_valid():
        try:
            task_answer(task_id=task_id, actor=actor, button=request.POST.get("button", ""), values=form.values())
        except BadAnswer as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Thank you. Your answer is on its way."))
            return redirect(reverse("agents:questions", args=[slug]))
    return render(request, "agents/question_detail.html", _context(task, form, actor.member_id), status=_status(form))


def _status(form: AnswerForm) -> int:
    return 422 if form.is_bound else 200


def _context(task: HumanTask, form: AnswerForm, member_id: UUID) -> dict[str, Any]:
    answers = list(task.answers.select_related("member__user").order_by("answered_at", "id"))
    mine = next((answer for answer in answers if answer.member_id == member_id), None)
    return {
        "task": task,
        "form": form,
        "answers": answers,
        "mine": mine,
        "may_answer": task.closed_at is None and mine is not None and mine.answered_at is None,
        "owner": task.run.member_id == member_id,
        "buttons": task.form.get("buttons") or [{"id": "", "label": _("Done")}],
    }
