"""What the workspace holds, and when it goes. It belongs to the organization as a whole, and goes with no person."""

import os
from collections.abc import Iterator
from contextlib import suppress
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from agents.servers.files.paths import Parts
from agents.servers.files.workspace import children, folder_at, opened, usage, workspace
from jarvis_site.kernel.data_rights import Attachment, Kind, declare

_PIECE = 256 * 1024


def files(member_id: UUID | None) -> Iterator[Attachment]:
    """Every file of the workspace, the trash left out; nothing for a person."""
    if member_id is None:
        with workspace() as root:
            yield from _below(root, ())


def size(member_id: UUID | None) -> int:
    """Kilobytes, about."""
    if member_id is not None:
        return 0
    with workspace() as root:
        return usage(root)[0] // 1000


def _below(here: int, spelt: Parts) -> Iterator[Attachment]:
    for name, entry in sorted(children(here, spelt), key=lambda pair: pair[0]):
        # Deleted, or made a folder, while we walk.
        with suppress(FileNotFoundError, IsADirectoryError, NotADirectoryError):
            if entry.folder:
                with folder_at(here, name) as below:
                    yield from _below(below, (*spelt, name))
            else:
                with opened(here, name) as file:
                    yield Attachment(path=entry.path, pieces=_pieces(file))


def _pieces(file: int) -> Iterator[bytes]:
    while piece := os.read(file, _PIECE):
        yield piece


declare(
    Kind(
        name="files",
        label=_("files of the workspace"),
        on_erasure=_(
            "Stay: they belong to the organization, whoever wrote them. Delete single ones on the page Files."
        ),
        more=files,
        more_size=size,
        stays=_("They are the organization's work, and deleted one by one on the page Files."),
    )
)
