"""What the pages of notifications ask."""

from collections.abc import Mapping
from typing import Any

from django import forms

from notifications.contracts import MATTERS, WAYS, How, Matter


class PreferencesForm(forms.Form):
    """One choice for each matter that can concern the person."""

    def __init__(self, *args: Any, present: Mapping[Matter, How], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(how.value, label) for how, label in WAYS.items()]
        for matter, how in present.items():
            self.fields[matter.value] = forms.ChoiceField(label=MATTERS[matter], choices=choices, initial=how.value)

    def ways(self) -> dict[Matter, How]:
        return {Matter(name): How(how) for name, how in self.cleaned_data.items()}
