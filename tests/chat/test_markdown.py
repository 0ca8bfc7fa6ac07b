"""Text from anywhere becomes HTML that can do nothing."""

import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis_site.kernel.markdown import TAGS, render_markdown

# What the renderer itself adds around tables and to code.
OWN_TAGS = TAGS | {"div"}
OWN_ATTRIBUTES = {"href", "title", "start", "rel", "target", "tabindex", "role", "aria-label", "class"}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def tags_of(text: str) -> list[tuple[str, dict[str, str | None]]]:
    reader = _Reader()
    reader.feed(render_markdown(text))
    return reader.found


def assert_harmless(text: str) -> None:
    for tag, attributes in tags_of(text):
        assert tag in OWN_TAGS
        assert attributes.keys() <= OWN_ATTRIBUTES
        href = attributes.get("href") or "https:"
        assert re.match(r"(?i)(https?|mailto):|[/#?.\w%]", href)
        assert not re.match(r"(?i)\s*(javascript|data|vbscript)\s*:", href)


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        '<a href="javascript:alert(1)">x</a>',
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt&colon;alert(1))",
        "[x](java\tscript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](vbscript:x)",
        "<javascript:alert(1)>",
        "[x][1]\n\n[1]: javascript:alert(1)",
        '[x](https://e.example "t\\" onclick=alert(1)")',
        "```<script>\nalert(1)\n```",
        '```"><img onerror=x>\ncode\n```',
        "<svg><style><img src=x onerror=alert(1)></style></svg>",
        "<math><mtext></table><script>",
        "| a |\n|---|\n| <iframe src=//e.example> |",
        "<style>*{display:none}</style>",
        '<form action="https://e.example"><input name=p>',
        "<base href=//e.example/>",
        "&lt;script&gt;",
    ],
)
def test_hostile_markdown_becomes_text(text: str) -> None:
    assert_harmless(text)


@given(st.text(alphabet="<>\"'()[]!`*_#|-\\&:;=/ \n\tajscript\u202e\x00onerx", max_size=80))
def test_nothing_that_is_written_becomes_more_than_the_allowed_tags(text: str) -> None:
    assert_harmless(text)


def test_no_image_is_loaded() -> None:
    html = render_markdown("![spy](https://e.example/pixel.png) ![x][1]\n\n[1]: https://e.example/y.png")
    assert "<img" not in html
    assert "src=" not in html


def test_links_open_apart_and_tell_nobody() -> None:
    [attributes] = [found for tag, found in tags_of("[x](https://e.example/)") if tag == "a"]
    assert attributes["target"] == "_blank"
    assert set(str(attributes["rel"]).split()) >= {"noopener", "noreferrer", "nofollow"}


def test_marks_that_reorder_text_are_left_out_and_joiners_stay() -> None:
    html = render_markdown("safe\u202egnp.exe \u2066x\u2069 👩\u200d💻 می\u200cکنم")
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", html)
    assert "👩\u200d💻" in html
    assert "می\u200cکنم" in html


def test_headings_stand_below_those_of_the_page() -> None:
    assert [tag for tag, _ in tags_of("# a\n\n## b\n\n###### c")] == ["h2", "h3", "h4"]


def test_code_and_tables_scroll_by_keyboard() -> None:
    found = tags_of("```\ncode <pre> <table>\n```\n\n| a |\n|---|\n| b |")
    scrolling = [tag for tag, attributes in found if attributes.get("tabindex") == "0"]
    assert scrolling == ["pre", "div"]


@pytest.mark.parametrize(
    "text",
    [
        ">" * 20_000,
        "- " * 10_000,
        "[" * 20_000,
        "*" * 20_000,
        "`" * 19_999,
        "![[](" * 4_000,
        "a](" * 6_000,
        "|" * 20_000 + "\n|-|",
        "> - " * 5_000,
        "<" * 20_000,
        "a\n\n" * 6_000,
    ],
    ids=lambda text: repr(text[:8]),
)
def test_the_longest_message_is_rendered_soon_however_it_is_nested(text: str) -> None:
    began = time.monotonic()
    assert_harmless(text)
    assert time.monotonic() - began < 5
