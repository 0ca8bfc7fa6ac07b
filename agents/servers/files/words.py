"""What the file tools say to people, as Markdown."""

from collections.abc import Sequence

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from agents.servers.files.contracts import Entry, Undone
from jarvis_site.kernel.markdown import plain, quoted

SHOWN = 30


def listing_words(entries: Sequence[Entry], *, path: str, truncated: bool) -> str:
    where = plain(path) if path else _("the workspace")
    if not entries:
        return _("There is nothing in %(where)s yet.") % {"where": where}
    lines = [_("In %(where)s:") % {"where": where}, "", *(_line(entry) for entry in entries[:SHOWN])]
    return "\n".join(lines + _more(len(entries), truncated=truncated))


def reading_words(*, path: str, content: str, size: int, binary: bool, truncated: bool) -> str:
    name = plain(path)
    if binary:
        return _("%(name)s is not a text file (%(size)s).") % {"name": name, "size": filesizeformat(size)}
    head = _("The beginning of %(name)s:") if truncated else _("%(name)s:")
    return f"{head % {'name': name}}\n\n{quoted(content)}"


def found_words(matches: Sequence[tuple[str, str]], *, query: str, truncated: bool) -> str:
    """Say where something was found: path, and the line that holds the words."""
    if not matches:
        return _("No file holds “%(query)s”.") % {"query": plain(query)}
    lines = [f"- {plain(path)}{': ' + plain(line) if line else ''}" for path, line in matches[:SHOWN]]
    head = _("Found “%(query)s” in:") % {"query": plain(query)}
    return "\n".join([head, "", *lines, *_more(len(matches), truncated=truncated)])


def undone_words(undone: Undone) -> str:
    if undone.there:
        return _("%(name)s is as it was before.") % {"name": plain(undone.path)}
    return _("%(name)s is in the trash.") % {"name": plain(undone.path)}


def _line(entry: Entry) -> str:
    return f"- {plain(entry.path)}/" if entry.folder else f"- {plain(entry.path)} ({filesizeformat(entry.size)})"


def _more(count: int, *, truncated: bool) -> list[str]:
    return ["", _("There are more.")] if truncated or count > SHOWN else []
