"""Markdown to safe HTML: CommonMark without raw HTML, then an allow-list of tags; no image is ever loaded."""

import re

import nh3
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from markdown_it import MarkdownIt
from markdown_it.token import Token

TAGS = {
    "a", "blockquote", "br", "code", "del", "em", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s",
    "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
SCHEMES = {"http", "https", "mailto"}
# The page has the one h1; what is rendered stands below it.
HIGHEST_HEADING = 2
LOWEST_HEADING = 6
# Marks that make text read in another order than it is written. Right-to-left scripts do without them: each block finds
# its own direction.
_REORDERING = re.compile("[\u202a-\u202e\u2066-\u2069]")

_parser = MarkdownIt("commonmark", {"html": False, "linkify": False})
_parser.enable(["table", "strikethrough"]).disable("image")


def render_markdown(text: str) -> SafeString:
    """Render text from anywhere, a model included. Links open without a referrer, with no rights over this page."""
    tokens = _parser.parse(_REORDERING.sub("", text))
    _rank_headings(tokens)
    html = nh3.clean(
        _parser.renderer.render(tokens, _parser.options, {}),
        tags=TAGS,
        attributes=ATTRIBUTES,
        url_schemes=SCHEMES,
        set_tag_attribute_values={"a": {"target": "_blank"}},
        link_rel="noopener noreferrer nofollow",
    )
    return mark_safe(_scrolling(html))  # noqa: S308 - nh3 has just cleaned it


def _rank_headings(tokens: list[Token]) -> None:
    """Let headings begin below the page's own and leave out no level, whichever ones the writer chose."""
    headings = [token for token in tokens if token.type in {"heading_open", "heading_close"}]
    ranks = {tag: rank for rank, tag in enumerate(sorted({token.tag for token in headings}))}
    for token in headings:
        token.tag = f"h{min(HIGHEST_HEADING + ranks[token.tag], LOWEST_HEADING)}"


def _scrolling(html: str) -> str:
    """Let wide code and tables scroll, by keyboard too. In cleaned HTML these tags are never part of the text."""
    box = f'<div class="scroll" tabindex="0" role="group" aria-label="{_("Table")}"><table class="table">'
    code = f'<pre class="code" tabindex="0" role="group" aria-label="{_("Code")}">'
    return html.replace("<pre>", code).replace("<table>", box).replace("</table>", "</table></div>")


# Text of others inside Markdown of ours, shown as it is and never as markup.
_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+!|~-])")
_FENCES = re.compile(r"`{3,}")
LONGEST_QUOTE = 8_000


def plain(text: str) -> str:
    """Return one line of somebody's text with everything escaped that Markdown could read as markup."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def quoted(text: str) -> str:
    """Return somebody's text as a block that is shown letter by letter, cut when it is very long."""
    shown = text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}…"
    longest = max((len(fence) for fence in _FENCES.findall(shown)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}text\n{shown}\n{fence}"
