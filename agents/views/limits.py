"""Settings page "Limits": how much may be used, how much was, and changing it, for administrators."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import require
from accounts.middleware import request_actor
from accounts.selectors import members_list
from accounts.selectors.names import member_names
from accounts.step_up import fresh_proof_require
from agents.access import LIMITS_MANAGE
from agents.contracts.flow import MAX_DEPTH
from agents.contracts.limits import LIMIT_KINDS, LimitKind, Measure, Period, Scope
from agents.limits import MILLION, Overrides, amount, amount_in_words, kinds_of, overrides, period_start, usual
from agents.models import Spending
from agents.services.limits import MOST, limit_remove, limit_set
from jarvis_site.kernel.clock import db_time
from jarvis_site.kernel.errors import NotFound
from jarvis_site.kernel.tenancy import current_organization

TAB = "limits"
EVERYBODY = "everybody"
_MINUTE = 60

_TITLES: dict[str, Promise] = {
    "run-steps-run": gettext_lazy("Steps"),
    "run-seconds-run": gettext_lazy("Working time"),
    "run-depth-run": gettext_lazy("Runs within runs"),
    "run-tokens-run": gettext_lazy("Model tokens"),
    "run-money-run": gettext_lazy("Cost"),
    "person-steps-day": gettext_lazy("Steps in a day"),
    "person-tokens-day": gettext_lazy("Model tokens in a day"),
    "person-tokens-month": gettext_lazy("Model tokens in a month"),
    "person-money-day": gettext_lazy("Cost in a day"),
    "person-money-month": gettext_lazy("Cost in a month"),
    "organization-steps-day": gettext_lazy("Steps in a day"),
    "organization-tokens-day": gettext_lazy("Model tokens in a day"),
    "organization-tokens-month": gettext_lazy("Model tokens in a month"),
    "organization-money-day": gettext_lazy("Cost in a day"),
    "organization-money-month": gettext_lazy("Cost in a month"),
}
_GROUPS: tuple[tuple[Scope, Promise, Promise], ...] = (
    (
        Scope.ORGANIZATION,
        gettext_lazy("The whole organization"),
        gettext_lazy("What everybody uses together. Days and months begin at midnight UTC."),
    ),
    (
        Scope.PERSON,
        gettext_lazy("Each person"),
        gettext_lazy("For everybody, unless a person has a limit of their own."),
    ),
    (Scope.RUN, gettext_lazy("Each run"), gettext_lazy("One run can not use more than this, whoever it is for.")),
)
_MEANINGS: dict[Measure, Promise] = {
    Measure.STEPS: gettext_lazy("A step counts once, however often it is tried."),
    Measure.SECONDS: gettext_lazy(
        "Waiting for people, for a time or in a pause does not count. Then the run is stopped."
    ),
    Measure.DEPTH: gettext_lazy("A run may start another one as a part of itself, which may do so again."),
    Measure.TOKENS: gettext_lazy("About four letters make a token; what the model reads counts like what it writes."),
    Measure.MONEY: gettext_lazy("What the model and the tools cost, in US dollars."),
}
_UNITS: dict[Measure, Promise] = {
    Measure.STEPS: gettext_lazy("Steps"),
    Measure.SECONDS: gettext_lazy("Minutes"),
    Measure.DEPTH: gettext_lazy("Levels"),
    Measure.TOKENS: gettext_lazy("Tokens"),
    Measure.MONEY: gettext_lazy("US dollars"),
}
# How much of what is stored makes one of what people type.
_SIZES = {Measure.SECONDS: _MINUTE, Measure.MONEY: MILLION}


@dataclass(frozen=True, slots=True)
class Row:
    """A limit in the list.

    Attributes:
        who: the person it is for; empty for everybody.
        member_id: of that person.
        own: administrators have set it; otherwise it is the site's usual one.
        spender: who has used most of it, where everybody has their own share.
        percent: of the limit that is used; None where nothing is counted, or nothing limits it.
    """

    kind: LimitKind
    title: Promise
    who: str
    member_id: UUID | None
    most: str
    own: bool
    used: str
    spender: str
    percent: int | None


class LimitForm(forms.Form):
    """How much, in the unit that people use, and why."""

    member = forms.ChoiceField(label=gettext_lazy("For"))
    amount = forms.DecimalField(min_value=0, max_digits=17, widget=forms.NumberInput({"autocomplete": "off"}))
    reason = forms.CharField(
        label=gettext_lazy("Reason"), max_length=500, help_text=gettext_lazy("It stands in the audit trail.")
    )

    def __init__(self, *args: Any, kind: LimitKind, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._kind = kind
        whole = kind.measure is not Measure.MONEY
        field = self.fields["amount"]
        field.label = str(_UNITS[kind.measure])
        field.help_text = _("0 allows nothing at all.")
        field.decimal_places = 0 if whole else 2  # type: ignore[attr-defined]  # a DecimalField
        field.widget.attrs["step"] = "1" if whole else "0.01"
        if kind.scope is Scope.ORGANIZATION:
            del self.fields["member"]
        else:
            people = [(str(one.id), one.user.name) for one in members_list()]
            everybody = _("everybody") if kind.scope is Scope.PERSON else _("everybody's runs")
            self.fields["member"].choices = [(EVERYBODY, everybody), *people]  # type: ignore[attr-defined]  # a ChoiceField

    def clean_amount(self) -> Decimal | None:
        """Stored numbers are whole. None only where the usual limit is asked for."""
        given: Decimal | None = self.cleaned_data["amount"]
        if given is None:
            return None
        if given != given.quantize(Decimal(1) if self._kind.measure is not Measure.MONEY else Decimal("0.01")):
            raise forms.ValidationError(_("Enter a whole number."))
        if given * _SIZES.get(self._kind.measure, 1) > MOST:
            raise forms.ValidationError(_("That is more than anybody can use."))
        return given

    @property
    def stored(self) -> int:
        return int(self.cleaned_data["amount"] * _SIZES.get(self._kind.measure, 1))

    @property
    def member_id(self) -> UUID | None:
        chosen = self.cleaned_data.get("member", EVERYBODY)
        return None if chosen == EVERYBODY else UUID(chosen)


@never_cache
@require_safe
def limits(request: HttpRequest, slug: str) -> HttpResponse:  # noqa: ARG001 - the scope was opened from it
    require(request_actor(request), LIMITS_MANAGE)
    found = overrides(fresh=True)
    groups = [
        {"title": title, "about": about, "rows": _rows(scope, found), "scope": scope.value}
        for scope, title, about in _GROUPS
    ]
    return render(request, "agents/limits.html", {"groups": groups, "tab": TAB})


@never_cache
@require_http_methods(["GET", "POST"])
def limit(request: HttpRequest, slug: str, limit: str) -> HttpResponse:
    """Change one, or let the usual one hold again; `member` says whose it is, everybody's without."""
    actor = request_actor(request)
    require(actor, LIMITS_MANAGE)
    kind = next((one for one in LIMIT_KINDS if one.name == limit), None)
    if kind is None:
        raise NotFound
    if request.method == "POST":
        fresh_proof_require(request)
    member = request.GET.get("member", EVERYBODY)
    form = LimitForm(request.POST or None, kind=kind, initial={"member": member, "amount": _shown_now(kind, member)})
    if request.method == "POST" and "usual" in request.POST:
        form.fields["amount"].required = False
    if request.method == "POST" and form.is_valid():
        chosen = {"actor": actor, "kind": kind, "member_id": form.member_id, "reason": form.cleaned_data["reason"]}
        if "usual" in request.POST:
            limit_remove(**chosen)
            messages.success(request, _("The usual limit holds again."))
        else:
            limit_set(amount=form.stored, **chosen)
            messages.success(request, _("Saved. What waits for it goes on within seconds."))
        return redirect("limits:list", slug)
    context = {
        "form": form,
        "title": _TITLES[kind.name],
        "group": next(title for scope, title, _about in _GROUPS if scope is kind.scope),
        "meaning": _MEANINGS[kind.measure],
        "usual": _usual_in_words(kind),
        "tab": TAB,
    }
    return render(request, "agents/limit.html", context, status=422 if form.errors else 200)


def _usual_in_words(kind: LimitKind) -> str:
    most = _usual(kind)
    return amount_in_words(kind.measure, most) if most is not None else _("no limit")


def _usual(kind: LimitKind) -> int | None:
    return MAX_DEPTH if kind.measure is Measure.DEPTH else usual(kind)


def _shown_now(kind: LimitKind, member: str) -> Decimal | None:
    ids = {str(one.id): one.id for one in members_list()} if member != EVERYBODY else {}
    most = amount(kind, member_id=ids.get(member), found=overrides(fresh=True))
    return None if most is None else (Decimal(most) / _SIZES.get(kind.measure, 1)).normalize().quantize(_digits(kind))


def _digits(kind: LimitKind) -> Decimal:
    return Decimal("0.01") if kind.measure is Measure.MONEY else Decimal(1)


def _rows(scope: Scope, found: Overrides) -> list[Row]:
    """The limit for everybody of each kind, followed by those of single people."""
    people = {member_id for _kind, member_id in found if member_id is not None}
    spent = _spent(scope, people) if scope is not Scope.RUN else {}
    names = member_names([*people, *(subject for subject, _used in spent.values())])
    rows = []
    for kind in kinds_of(scope):
        own = [member_id for one, member_id in found if one == kind and member_id is not None]
        own.sort(key=lambda member_id: names.get(member_id, ""))
        rows += [_row(kind, member_id, found, spent, names) for member_id in (None, *own)]
    return rows


# Whose use it is and how much, by kind and member; of the one who has used most without a member.
type Spent = dict[tuple[LimitKind, UUID | None], tuple[UUID, int]]


def _spent(scope: Scope, people: Collection[UUID]) -> Spent:
    now = db_time()
    current = Q()
    for period in (Period.DAY, Period.MONTH):
        current |= Q(period=period, starts_on=period_start(period, now))
    rows = Spending.objects.filter(current, scope=scope).order_by("measure", "period", "-used")
    most, own = rows.distinct("measure", "period"), rows.filter(subject_id__in=people)
    known = {(kind.measure, kind.period): kind for kind in kinds_of(scope)}
    spent: Spent = {}
    for found, of in ((most, None), (own, "subject")):
        for row in found:
            kind = known.get((Measure(row.measure), Period(row.period)))
            if kind is not None:
                spent[kind, row.subject_id if of else None] = (row.subject_id, row.used)
    return spent


def _row(
    kind: LimitKind, member_id: UUID | None, found: Overrides, spent: Spent, names: Mapping[UUID | None, str]
) -> Row:
    most = amount(kind, member_id=member_id, found=found)
    most = _usual(kind) if most is None else most
    subject, used = spent.get((kind, member_id), (current_organization(), 0))
    counted = kind.scope is not Scope.RUN and (most is not None or used > 0)
    everybody = kind.scope is Scope.PERSON and member_id is None and used > 0
    return Row(
        kind=kind,
        title=_TITLES[kind.name],
        who=names.get(member_id, "") if member_id else "",
        member_id=member_id,
        most=amount_in_words(kind.measure, most) if most is not None else _("no limit"),
        own=(kind, member_id) in found,
        used=amount_in_words(kind.measure, used) if counted else "",
        spender=names.get(subject, "") if everybody else "",
        percent=None if most is None or not counted else min(100, 100 * used // most if most else 100),
    )
