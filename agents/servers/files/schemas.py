"""Arguments and results of the file tools."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from agents.servers.files.contracts import Entry

ChangeId = Annotated[str, Field(description="With it, undo_change takes this back.")]
_FILE = "Path from the workspace, with slashes: notes/plan.md"


class InFolder(BaseModel):
    path: str = Field(default="", description="Folder; empty for the whole workspace.")


class AtPath(BaseModel):
    path: str = Field(description=_FILE)


class Find(InFolder):
    query: str = Field(description="Words to look for in names and in text.")


class Write(BaseModel):
    path: str = Field(description=_FILE)
    content: str = Field(description="The whole text of the file.")
    overwrite: bool = Field(default=False, description="Replace a file that exists. Set it only when that was asked.")


class UndoChange(BaseModel):
    change_id: str = Field(max_length=32, description="change_id from the call that is to be taken back.")


class FileOut(BaseModel):
    path: str
    size: int
    modified: datetime
    folder: bool

    @classmethod
    def of(cls, entry: Entry) -> "FileOut":
        return cls(path=entry.path, size=entry.size, modified=entry.modified, folder=entry.folder)


class MatchOut(BaseModel):
    path: str
    size: int
    modified: datetime
    folder: bool
    match: str = Field(description="The line that holds the words; empty when the name does.")


class ListOut(BaseModel):
    files: list[FileOut]
    truncated: bool = Field(description="There are more than are listed.")
    words: str


class ReadOut(BaseModel):
    path: str
    content: str = Field(description="The text; empty when the file is not text.")
    size: int = Field(description="Bytes of the whole file.")
    truncated: bool = Field(description="Only the beginning is here.")
    binary: bool = Field(description="The file is not text.")
    media_type: str
    words: str


class FindOut(BaseModel):
    files: list[MatchOut]
    truncated: bool
    words: str


class WriteOut(BaseModel):
    path: str
    size: int
    created: bool = Field(description="False when the file was there before.")
    change_id: ChangeId


class DeleteOut(BaseModel):
    path: str
    change_id: ChangeId


class RestoreOut(FileOut):
    change_id: ChangeId


class UndoneOut(BaseModel):
    path: str
    words: str
    change_id: ChangeId
