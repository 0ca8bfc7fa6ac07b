"""The template check of `make lint`: every template compiles, and none holds what the site's own policy would block."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from jarvis_site.local.options import CHECKOUT

# The content security policy refuses these without a word; here they are named.
_BLOCKED = {
    "an inline style": re.compile(r"\sstyle\s*=", re.IGNORECASE),
    "a style element": re.compile(r"<style[\s>]", re.IGNORECASE),
    "an inline script": re.compile(r"<script(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")[^>]*>", re.IGNORECASE),
    "an inline handler": re.compile(r"<[^>]*\son[a-z]+\s*=", re.IGNORECASE),
    "an address of another site": re.compile(r"(?:src|href)=[\"'](?:https?:)?//", re.IGNORECASE),
}
_COMMENT = re.compile(r"{#.*?#}|{% comment %}.*?{% endcomment %}", re.DOTALL)
_LOOK_LIKE_PAGES = {".html"}
# A link that a person follows leaves the site on purpose.
_LINK = re.compile(r"<a\s[^>]*>", re.IGNORECASE)


def problems() -> list[str]:
    """What is wrong with our templates, one line each."""
    found = []
    for folder, file in _templates():
        name = file.relative_to(folder).as_posix()
        found += [f"{file.relative_to(CHECKOUT)}: {problem}" for problem in (*_compiled(name), *_blocked(file))]
    return found


def _templates() -> Iterator[tuple[Path, Path]]:
    from django.template import engines

    folders = [Path(folder) for folder in engines["django"].template_dirs]
    for folder in folders:
        if folder.is_relative_to(CHECKOUT) and ".venv" not in folder.parts:
            yield from ((folder, file) for file in sorted(folder.rglob("*")) if file.is_file())


def _compiled(name: str) -> Iterator[str]:
    from django.template import TemplateDoesNotExist, TemplateSyntaxError
    from django.template.loader import get_template

    try:
        get_template(name)
    except (TemplateSyntaxError, TemplateDoesNotExist) as error:
        yield f"{type(error).__name__}: {error}"


def _blocked(file: Path) -> Iterator[str]:
    if file.suffix not in _LOOK_LIKE_PAGES:
        return
    text = _LINK.sub("<a>", _COMMENT.sub("", file.read_text()))
    yield from (f"{what} ({found[0].strip()[:60]})" for what, rule in _BLOCKED.items() if (found := rule.search(text)))


def main() -> int:
    """Return 1 when there is a problem."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "jarvis_site.settings")
    django.setup()
    found = problems()
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
