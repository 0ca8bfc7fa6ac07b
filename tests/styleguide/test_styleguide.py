"""The gallery and the sample pages: they render, and keep the promises that a strict CSP and people rely on."""

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.conf import settings
from django.template.loader import get_template
from django.test import Client
from django.urls import reverse

from jarvis_site.kernel.errors import Conflict, Forbidden, Invalid, JarvisError, NotFound, Unavailable
from jarvis_site.styleguide import samples

ADDRESSES = ["/styleguide/", *(f"/styleguide/{name}/" for name in samples.PAGES)]
TEMPLATES = Path(settings.BASE_DIR, "templates")


class Markup(HTMLParser):
    """What the checks look at: ids, style attributes, inline scripts, uses of icons, unlabelled buttons."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: Counter[str] = Counter()
        self.referenced: set[str] = set()
        self.icons: set[str] = set()
        self.inline: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attributes}
        if "id" in found:
            self.ids[found["id"]] += 1
        for name in ("aria-labelledby", "aria-describedby", "aria-controls", "for"):
            self.referenced.update(found.get(name, "").split())
        if tag == "use":
            self.icons.add(found["href"].removeprefix("#i-"))
        handlers = [name for name in found if name.startswith("on") or name == "style"]
        if handlers or tag == "style" or (tag == "script" and "src" not in found):
            self.inline.append(f"<{tag} {' '.join(handlers)}>")


def markup(address: str) -> Markup:
    response = Client().get(address)
    assert response.status_code == 200
    return Markup(response.content.decode())


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_page_has_nothing_inline_and_no_broken_reference(address: str) -> None:
    page = markup(address)
    assert page.inline == []
    assert [name for name, times in page.ids.items() if times > 1] == []
    assert page.referenced - set(page.ids) == set()


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_icon_that_a_page_uses_is_in_the_sprite(address: str) -> None:
    assert markup(address).icons <= set(samples.icon_names())


def test_every_icon_named_in_a_template_is_in_the_sprite() -> None:
    named = re.compile(r'icon\.html" with name="([a-z]+)"')
    used = {name for path in TEMPLATES.rglob("*.html") for name in named.findall(path.read_text(encoding="utf-8"))}
    assert used <= set(samples.icon_names())


def test_an_unknown_sample_page_is_not_found() -> None:
    assert Client().get("/styleguide/nowhere/").status_code == 404


def test_the_gallery_shows_every_component_in_both_themes() -> None:
    text = Client().get("/styleguide/").content.decode()
    assert text.count('class="side" data-theme="light"') == len(samples.PARTS)
    assert text.count('class="side" data-theme="dark"') == len(samples.PARTS)


def test_a_refused_form_says_at_the_field_what_is_wrong() -> None:
    text = Client().get("/styleguide/").content.decode()
    field = re.search(r'<input type="email" name="light-refused-email"[^>]*>', text)
    assert field is not None
    assert 'aria-invalid="true"' in field[0]
    assert 'aria-describedby="id_light-refused-email_error"' in field[0]
    assert 'id="id_light-refused-email_error"' in text


@pytest.mark.parametrize("name", ["400.html", "403.html", "403_csrf.html", "404.html", "429.html", "500.html"])
def test_an_error_page_needs_no_context(name: str) -> None:
    text = get_template(name).render()
    assert "<h1>" in text
    assert "{%" not in text


@pytest.mark.parametrize("error", [JarvisError, Invalid, Forbidden, NotFound, Conflict, Unavailable])
def test_every_anticipated_error_has_a_page(error: type[JarvisError]) -> None:
    text = get_template("errors/problem.html").render({"error": error("The calendar did not answer.")})
    assert "The calendar did not answer." in text


@pytest.mark.parametrize("name", ["account_login", "account_signup", "account_reset_password"])
def test_signing_in_and_up_has_our_form(name: str) -> None:
    text = Client().get(reverse(name)).content.decode()
    assert 'class="enter"' in text
    assert Markup(text).inline == []


def test_pages_of_accounts_have_templates_of_our_own() -> None:
    ours = {path.name for path in (TEMPLATES / "account").glob("*.html")}
    needed = {"login", "signup", "logout", "password_reset", "password_change", "email", "email_confirm"}
    assert {f"{name}.html" for name in needed} <= ours
