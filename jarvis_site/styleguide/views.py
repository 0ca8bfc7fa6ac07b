"""The gallery: every component in every state, both themes side by side, and each page's layout with sample text."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from jarvis_site.kernel.errors import Conflict
from jarvis_site.styleguide import samples
from jarvis_site.styleguide.forms import ContactForm, bound_contact_form

THEMES = ("light", "dark")


@require_safe
def gallery(request: HttpRequest) -> HttpResponse:
    context = {
        "sides": [_side(theme) for theme in THEMES],
        "parts": samples.PARTS,
        "icons": samples.icon_names(),
        "timeline": samples.timeline(),
        "sample": samples.components(),
        "pages": samples.PAGES,
    }
    return render(request, "styleguide/index.html", context)


def _side(theme: str) -> dict[str, Any]:
    return {
        "theme": theme,
        "form": ContactForm(prefix=theme),
        "refused": bound_contact_form(prefix=f"{theme}-refused"),
        "graph": samples.graph(prefix=f"{theme}-"),
    }


@require_safe
def page(request: HttpRequest, name: str) -> HttpResponse:
    """One page's layout in the real frame, filled with sample text."""
    if name not in samples.PAGES:
        raise Http404(_("There is no such sample page."))
    context = {
        "shell": samples.shell(name),
        "graph": samples.graph(),
        "timeline": samples.timeline(),
        "sample": samples.components(),
        "error": Conflict(),
    }
    return render(request, f"styleguide/pages/{name}.html", context)
