"""Which tools there are. Today those of the built-in servers in `settings.TOOL_SERVERS`; the same for everybody."""

from collections.abc import Mapping
from functools import cache

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from agents.contracts import ToolSpec
from agents.servers.base import Toolbox


def toolboxes() -> Mapping[str, Toolbox]:
    """Built-in servers by name, in the order of the settings."""
    return _load(tuple(settings.TOOL_SERVERS))


def tools() -> tuple[ToolSpec, ...]:
    """Every tool, in a stable order: servers as in the settings, tools as declared."""
    return tuple(spec for toolbox in toolboxes().values() for spec in toolbox.specs())


def find(name: str) -> ToolSpec | None:
    """Look a tool up by its full name, `<server>.<tool>`. None when there is none."""
    return _by_name(tuple(settings.TOOL_SERVERS)).get(name)


@cache
def _load(paths: tuple[str, ...]) -> Mapping[str, Toolbox]:
    loaded: dict[str, Toolbox] = {}
    for path in paths:
        toolbox = import_string(f"{path}.server.TOOLBOX")
        if toolbox.name in loaded:
            raise ImproperlyConfigured(f"Two tool servers are called {toolbox.name!r}; the second is {path}.")
        loaded[toolbox.name] = toolbox
    return loaded


@cache
def _by_name(paths: tuple[str, ...]) -> Mapping[str, ToolSpec]:
    return {spec.name: spec for toolbox in _load(paths).values() for spec in toolbox.specs()}
