"""Settings page "Out of office": who answers while somebody is away."""

from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import may, require
from accounts.contracts import Actor
from accounts.middleware import request_actor
from accounts.selectors import members_list
from accounts.selectors.names import member_names
from jarvis_site.kernel.errors import Invalid
from permissions.access import APPROVALS_DECIDE, APPROVALS_READ
from permissions.models import Absence
from permissions.selectors import absences_of
from permissions.services import absence_add, absence_end

TAB = "absences"


class AbsenceForm(forms.Form):
    """Whole days, in the person's own time zone."""

    delegate = forms.ChoiceField(
        label=gettext_lazy("Who answers"),
        help_text=gettext_lazy(
            "They are asked as well; what they say counts as your answer, and is recorded as theirs."
        ),
    )
    first = forms.DateField(
        label=gettext_lazy("First day"), widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d")
    )
    last = forms.DateField(label=gettext_lazy("Last day"), widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"))

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._zone = ZoneInfo(actor.timezone or "UTC")
        people = [(str(one.id), one.user.name or one.user.email) for one in members_list() if one.id != actor.member_id]
        self.fields["delegate"].choices = [("", _("Choose a person")), *people]  # type: ignore[attr-defined]

    @property
    def span(self) -> tuple[datetime, datetime]:
        first, last = self.cleaned_data["first"], self.cleaned_data["last"]
        until = datetime.combine(last, time(), self._zone) + timedelta(days=1)
        return datetime.combine(first, time(), self._zone), until


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def absences(request: HttpRequest, slug: str) -> HttpResponse:
    actor = request_actor(request)
    require(actor, APPROVALS_READ)
    form = AbsenceForm(request.POST or None, actor=actor)
    if request.method == "POST" and form.is_valid():
        starts_at, ends_at = form.span
        try:
            absence_add(
                actor=actor, delegate_id=UUID(form.cleaned_data["delegate"]), starts_at=starts_at, ends_at=ends_at
            )
        except Invalid as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Saved. What waits for you is asked of them as well, from that day on."))
            return redirect("standing:absences", slug)
    return render(request, "permissions/absences.html", _context(actor, form))


@require_POST
def end(request: HttpRequest, slug: str, absence_id: UUID) -> HttpResponse:
    absence_end(actor=request_actor(request), absence_id=absence_id)
    messages.success(request, _("You answer for yourself again."))
    return redirect("standing:absences", slug)


def _context(actor: Actor, form: AbsenceForm) -> dict[str, object]:
    found = list(absences_of(actor=actor))
    names = member_names({member for one in found for member in (one.member_id, one.delegate_id)})
    return {
        "tab": TAB,
        "form": form,
        "may": may(actor, APPROVALS_DECIDE),
        "mine": [
            (one, names.get(one.delegate_id, ""), _last(one)) for one in found if one.member_id == actor.member_id
        ],
        "for_others": [
            (one, names.get(one.member_id, ""), _last(one)) for one in found if one.delegate_id == actor.member_id
        ],
    }


def _last(absence: Absence) -> datetime:
    """A moment of the last day: it ends where the next one begins."""
    return absence.ends_at - timedelta(seconds=1)
