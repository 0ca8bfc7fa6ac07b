"""A form with one field of each kind, to show how Django's forms look here."""

from datetime import date

from django import forms
from django.utils.translation import gettext_lazy as _


class ContactForm(forms.Form):
    """Shown in the gallery, empty and refused."""

    name = forms.CharField(label=_("Name"), help_text=_("Shown to everybody in the organization."))
    email = forms.EmailField(label=_("Email"))
    since = forms.DateField(
        label=_("Since"), required=False, widget=forms.DateInput(attrs={"type": "date"}), initial=date(2026, 11, 21)
    )
    role = forms.ChoiceField(label=_("Role"), choices=[("member", _("Member")), ("admin", _("Admin"))])
    reach = forms.ChoiceField(
        label=_("Best reached by"),
        widget=forms.RadioSelect,
        choices=[("mail", _("Mail")), ("call", _("A call"))],
        initial="mail",
    )
    note = forms.CharField(label=_("Note"), required=False, widget=forms.Textarea(attrs={"rows": 3}))
    picture = forms.FileField(label=_("Picture"), required=False)
    tell = forms.BooleanField(label=_("Tell me when something changes"), required=False, initial=True)

    def clean(self) -> None:
        if self.cleaned_data.get("name") == "Maya":
            self.add_error(None, _("Somebody with this name is here already. Nothing was saved."))


def bound_contact_form(*, prefix: str) -> ContactForm:
    """Return the form as it comes back when it was refused."""
    data = {"name": "Maya", "email": "maya(at)haldenroe.example", "role": "member", "reach": "mail"}
    form = ContactForm({f"{prefix}-{key}": value for key, value in data.items()}, prefix=prefix)
    form.full_clean()
    return form
