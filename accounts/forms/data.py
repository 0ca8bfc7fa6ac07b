"""Forms about data."""

from collections.abc import Iterable
from typing import Any, Self

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.selectors.data import Period
from jarvis_site.kernel.data_rights import kinds_with_period

_FOREVER = "0"
_CHOICES = [
    (_FOREVER, _("until somebody deletes it")),
    ("30", _("30 days")),
    ("90", _("90 days")),
    ("180", _("180 days")),
    ("365", _("1 year")),
    ("730", _("2 years")),
    ("1095", _("3 years")),
    ("1825", _("5 years")),
    ("3650", _("10 years")),
]


class RetentionForm(forms.Form):
    """A period for each kind that can have one. Kinds that were not sent stay as they are."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, kind in kinds_with_period().items():
            if not self.is_bound or name in self.data:
                label = str(kind.label)
                self.fields[name] = forms.ChoiceField(label=label[:1].upper() + label[1:], choices=self._choices(name))

    @classmethod
    def of(cls, periods: Iterable[Period]) -> Self:
        """Show what is set now."""
        return cls(initial={period.kind: str(period.days or _FOREVER) for period in periods})

    @property
    def periods(self) -> dict[str, int | None]:
        """Days by kind; None where nothing is deleted."""
        return {name: int(value) or None for name, value in self.cleaned_data.items()}

    def _choices(self, name: str) -> list[tuple[Any, Any]]:
        """The usual ones, and the one that is set, if an operator chose another."""
        chosen = self.initial.get(name, _FOREVER)
        if chosen in dict(_CHOICES):
            return list(_CHOICES)
        return [*_CHOICES, (chosen, _("%(days)s days") % {"days": chosen})]


class ErasureForm(forms.Form):
    """What makes sure that it is meant: the person's address, typed."""

    address = forms.CharField(
        label=_("Email address of the person"),
        widget=forms.TextInput({"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, address: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._address = address
        self.fields["address"].help_text = _("Type %(address)s. This cannot be undone.") % {"address": address}

    def clean_address(self) -> str:
        typed: str = self.cleaned_data["address"]
        if typed.strip().casefold() != self._address.casefold():
            raise forms.ValidationError(_("This is another address. Nothing was deleted."))
        return typed
