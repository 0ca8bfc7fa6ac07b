"""Plain shapes of the workspace, and its limits."""

from dataclasses import dataclass
from datetime import datetime

KIB = 1024
MIB = 1024 * KIB

# What one organization may hold. The trash counts too, so that deleting cannot be used to go round it.
QUOTA_BYTES = 2048 * MIB
QUOTA_FILES = 20_000
# A scanned contract or a slide deck fits; a film does not.
MAX_FILE_BYTES = 25 * MIB
# What a tool may write or a page may show as text at once: a long book is 1 MiB.
MAX_TEXT_BYTES = 1 * MIB
# A tool's answer goes into a model's context and into the run's record: 64 KiB is some 16,000 tokens.
MAX_READ_BYTES = 64 * KIB
# One folder on one page, and one answer of a tool.
MAX_LISTED = 1_000
MAX_FOUND = 50
# A search reads files one after another on the caller's time: this takes about a second.
MAX_SEARCHED_BYTES = 64 * MIB
SNIPPET_CHARACTERS = 200
# Below NAME_MAX (255 bytes) of every file system we know, with room to spare.
MAX_NAME_BYTES = 200
MAX_PATH_CHARACTERS = 1_000
MAX_DEPTH = 16
TRASH_DAYS = 30


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or a folder.

    Attributes:
        path: from the workspace's root, with `/`, for example `notes/2026/plan.md`.
        size: in bytes; 0 for folders.
    """

    path: str
    size: int
    modified: datetime
    folder: bool

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Listing:
    """Entries of one folder, folders first. `truncated`: there are more than are shown."""

    path: str
    entries: tuple[Entry, ...]
    truncated: bool


@dataclass(frozen=True, slots=True)
class Text:
    """A file as text.

    Attributes:
        content: empty when the file is not text.
        truncated: the file is longer than what was asked for.
    """

    entry: Entry
    content: str
    truncated: bool
    binary: bool


@dataclass(frozen=True, slots=True)
class Match:
    """A file that was found. `match`: the line that holds the words; empty when the name does."""

    entry: Entry
    match: str


@dataclass(frozen=True, slots=True)
class Found:
    """Results of a search. `truncated`: it stopped at a limit, and there may be more."""

    matches: tuple[Match, ...]
    truncated: bool


@dataclass(frozen=True, slots=True)
class Written:
    entry: Entry
    created: bool


@dataclass(frozen=True, slots=True)
class Undone:
    """What a change was taken back to: the path, and whether something is there now."""

    path: str
    there: bool
