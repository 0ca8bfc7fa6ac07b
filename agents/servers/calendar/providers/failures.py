"""What every place that keeps events says in the same words."""

from django.utils.translation import gettext as _

from agents.servers.base import ToolError


def changed_meanwhile(title: str) -> ToolError:
    return ToolError(
        _("“%(title)s” has changed in the meantime. Nothing was done; look at it again.") % {"title": title},
        code="conflict",
        retryable=True,
    )


def kept_elsewhere() -> ToolError:
    return ToolError(
        _("The calendar is kept in another place now, so the change cannot be taken back. Nothing was done."),
        code="conflict",
    )
