"""Messages are rendered as all text from outside is."""

from jarvis_site.kernel.markdown import render_markdown

__all__ = ["render_markdown"]
