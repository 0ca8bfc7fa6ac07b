"""The file tools: the organization's workspace folder over MCP."""

import mimetypes

from agents.contracts import Reversibility, Risk
from agents.servers.base import Caller, Toolbox, ToolError
from agents.servers.files import schemas, selectors, services, words
from agents.servers.files.contracts import KIB, MAX_READ_BYTES, MAX_TEXT_BYTES

TOOLBOX = Toolbox(
    "files",
    title="Files",
    icon="folder",
    instructions="Files of one organization. Paths are relative, with slashes. What is deleted can be restored.",
)
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
)
def list_files(arguments: schemas.InFolder, caller: Caller) -> schemas.ListOut:  # noqa: ARG001 - the scope says where
    """List the files and folders in one folder of the workspace, without those further below."""
    listing = selectors.folder_list(path=arguments.path)
    return schemas.ListOut(
        files=[schemas.FileOut.of(entry) for entry in listing.entries],
        truncated=listing.truncated,
        words=words.listing_words(listing.entries, path=arguments.path, truncated=listing.truncated),
    )


@TOOLBOX.tool(title="Read a file", risk=Risk.READ, reversibility=Reversibility.NONE_NEEDED, read_only=True, icon="file")
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
    title="Find files", risk=Risk.READ, reversibility=Reversibility.NONE_NEEDED, read_only=True, icon="search"
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


@TOOLBOX.tool(title="Write a file", risk=Risk.LOW, reversibility=Reversibility.UNDOABLE, idempotent=True, icon="write")
def write(arguments: schemas.Write, caller: Caller) -> schemas.WriteOut:  # noqa: ARG001
    """Write a text file, with the folders it needs. A file that exists is replaced only with overwrite; the earlier
    version can then be restored after deleting the new one."""
    content = arguments.content.encode()
    if len(content) > MAX_TEXT_BYTES:
        raise ToolError(f"The text is larger than {MAX_TEXT_BYTES // KIB} KiB.", code="too_large")
    written = services.file_write(path=arguments.path, content=[content], overwrite=arguments.overwrite)
    return schemas.WriteOut(path=written.entry.path, size=written.entry.size, created=written.created)


@TOOLBOX.tool(
    title="Delete a file",
    risk=Risk.MEDIUM,
    reversibility=Reversibility.UNDOABLE,
    destructive=True,
    idempotent=True,
    icon="trash",
)
def delete(arguments: schemas.AtPath, caller: Caller) -> schemas.DeleteOut:
    """Move a file, or a folder with all it holds, to the trash, from where it can be restored for 30 days."""
    return schemas.DeleteOut(path=services.entry_delete(path=arguments.path, key=caller.idempotency_key))


@TOOLBOX.tool(title="Restore a file", risk=Risk.LOW, reversibility=Reversibility.UNDOABLE, icon="undo")
def restore(arguments: schemas.AtPath, caller: Caller) -> schemas.FileOut:  # noqa: ARG001
    """Bring back what was deleted or replaced last under this path. Nothing may have taken its place."""
    return schemas.FileOut.of(services.entry_restore(path=arguments.path))
