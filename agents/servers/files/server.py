"""The file tools: the organization's workspace folder over MCP."""

import mimetypes

from agents.contracts import Artifact, Reversibility, Risk, Undo
from agents.servers.base import Caller, Toolbox, ToolError
from agents.servers.files import schemas, selectors, services, words
from agents.servers.files.changes import TRASH_SECONDS, id_of
from agents.servers.files.contracts import KIB, MAX_READ_BYTES, MAX_TEXT_BYTES
from permissions.contracts import Origin

TOOLBOX = Toolbox(
    "files",
    title="Files",
    icon="folder",
    instructions="Files of one organization. Paths are relative, with slashes. What is deleted can be restored.",
)
_UNDO = Undo(
    tool="files.undo_change",
    arguments={"change_id": {"$from": "output", "path": "/change_id"}},
    seconds=TRASH_SECONDS,
)
_FILE = Artifact(kind="file", id="/path", title="/path")
UNKNOWN_TYPE = "application/octet-stream"


def media_type(path: str) -> str:
    return mimetypes.guess_type(path)[0] or UNKNOWN_TYPE


@TOOLBOX.tool(
    title="List files",
    risk=Risk.READ,
    reversibility=Reversibility.NONE_NEEDED,
    read_only=True,
    icon="list",
    name="list",
    gives=Origin.ORGANIZATION,
)
def list_files(arguments: schemas.InFolder, caller: Caller) -> schemas.ListOut:  # noqa: ARG001 - the scope says where
    """List the files and folders in one folder of the workspace, without those further below."""
    listing = selectors.folder_list(path=arguments.path)
    return schemas.ListOut(
        files=[schemas.FileOut.of(entry) for entry in listing.entries],
        truncated=listing.truncated,
        words=words.listing_words(listing.entries, path=arguments.path, truncated=listing.truncated),
    )


@TOOLBOX.tool(
    title="Read a file",
    risk=Risk.READ,
    reversibility=Reversibility.NONE_NEEDED,
    read_only=True,
    icon="file",
    own=(
        "/size",
        "/media_type",
    ),
)
def read(arguments: schemas.AtPath, caller: Caller) -> schemas.ReadOut:  # noqa: ARG001
    """Read a text file. Of a long one the beginning is given; of other kinds only size and type."""
    text = selectors.file_read(path=arguments.path, limit=MAX_READ_BYTES)
    return schemas.ReadOut(
        path=text.entry.path,
        content=text.content,
        size=text.entry.size,
        truncated=text.truncated,
        binary=text.binary,
        media_type=media_type(text.entry.path),
        words=words.reading_words(
            path=text.entry.path,
            content=text.content,
            size=text.entry.size,
            binary=text.binary,
            truncated=text.truncated,
        ),
    )


@TOOLBOX.tool(
    title="Find files",
    risk=Risk.READ,
    reversibility=Reversibility.NONE_NEEDED,
    read_only=True,
    icon="search",
    own=("/files/*/path",),
)
def find(arguments: schemas.Find, caller: Caller) -> schemas.FindOut:  # noqa: ARG001
    """Find files by words in their name or text, in a folder and all below it."""
    found = selectors.files_find(query=arguments.query, path=arguments.path)
    files = [
        schemas.MatchOut(
            path=match.entry.path,
            size=match.entry.size,
            modified=match.entry.modified,
            folder=match.entry.folder,
            match=match.match,
        )
        for match in found.matches
    ]
    told = [(file.path, file.match) for file in files]
    return schemas.FindOut(
        files=files,
        truncated=found.truncated,
        words=words.found_words(told, query=arguments.query, truncated=found.truncated),
    )


@TOOLBOX.tool(
    title="Write a file",
    risk=Risk.LOW,
    reversibility=Reversibility.UNDOABLE,
    idempotent=True,
    icon="write",
    undo=_UNDO,
    artifact=_FILE,
    gives=Origin.ORGANIZATION,
    own=(
        "/change_id",
        "/size",
    ),
)
def write(arguments: schemas.Write, caller: Caller) -> schemas.WriteOut:
    """Write a text file, with the folders it needs. A file that exists is replaced only with overwrite; the earlier
    version can then be restored after deleting the new one."""
    content = arguments.content.encode()
    if len(content) > MAX_TEXT_BYTES:
        raise ToolError(f"The text is larger than {MAX_TEXT_BYTES // KIB} KiB.", code="too_large")
    change_id = id_of(caller.idempotency_key)
    written = services.file_write(
        path=arguments.path, content=[content], overwrite=arguments.overwrite, change_id=change_id
    )
    entry = written.entry
    return schemas.WriteOut(path=entry.path, size=entry.size, created=written.created, change_id=change_id)


@TOOLBOX.tool(
    title="Delete a file",
    risk=Risk.MEDIUM,
    reversibility=Reversibility.UNDOABLE,
    destructive=True,
    idempotent=True,
    icon="trash",
    undo=_UNDO,
    gives=Origin.ORGANIZATION,
    own=("/change_id",),
)
def delete(arguments: schemas.AtPath, caller: Caller) -> schemas.DeleteOut:
    """Move a file, or a folder with all it holds, to the trash, from where it can be restored for 30 days."""
    change_id = id_of(caller.idempotency_key)
    path = services.entry_delete(path=arguments.path, key=caller.idempotency_key, change_id=change_id)
    return schemas.DeleteOut(path=path, change_id=change_id)


@TOOLBOX.tool(
    title="Restore a file",
    risk=Risk.LOW,
    reversibility=Reversibility.UNDOABLE,
    idempotent=True,
    icon="undo",
    undo=_UNDO,
    artifact=_FILE,
    gives=Origin.ORGANIZATION,
    own=("/change_id",),
)
def restore(arguments: schemas.AtPath, caller: Caller) -> schemas.RestoreOut:
    """Bring back what was deleted or replaced last under this path. Nothing may have taken its place."""
    change_id = id_of(caller.idempotency_key)
    restored = schemas.FileOut.of(services.entry_restore(path=arguments.path, change_id=change_id))
    return schemas.RestoreOut(**restored.model_dump(), change_id=change_id)


@TOOLBOX.tool(
    title="Take back a change",
    risk=Risk.LOW,
    reversibility=Reversibility.UNDOABLE,
    idempotent=True,
    icon="undo",
    undo=_UNDO,
    gives=Origin.ORGANIZATION,
    own=("/change_id",),
)
def undo_change(arguments: schemas.UndoChange, caller: Caller) -> schemas.UndoneOut:
    """Put a file or folder back as it was before one call of this server changed it: a new one goes to the trash, what
    was replaced or deleted comes back. Refuses, and overwrites nothing, when it has changed since."""
    change_id = id_of(caller.idempotency_key)
    undone = services.change_undo(undone=arguments.change_id, change_id=change_id)
    return schemas.UndoneOut(path=undone.path, words=words.undone_words(undone), change_id=change_id)
