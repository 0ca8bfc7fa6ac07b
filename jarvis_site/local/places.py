"""Where the embedded services live: folders only they can read, sockets short enough, programs they can run."""

import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from jarvis_site.local.errors import LocalError

# The kernel's limit for a socket's path is 107 bytes; PostgreSQL's name, the longest, is "/.s.PGSQL.5432".
LONGEST_RUN_FOLDER = 107 - len("/.s.PGSQL.5432")
# Addresses that hold anything else would need quoting, each library in its own way.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")
_PERSISTENT = Path("/var/lib")


@dataclass(frozen=True)
class Account:
    """The unprivileged account that runs the services when we are root (PostgreSQL refuses root)."""

    uid: int
    gid: int


def service_account() -> Account | None:
    """`nobody` when we are root, otherwise None: ourselves."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise LocalError(
            "PostgreSQL does not run as root and there is no account 'nobody' to run it as. "
            "Start Jarvis as another user, or set DATABASE_URL."
        ) from None
    return Account(uid=entry.pw_uid, gid=entry.pw_gid)


class Places:
    """The folders under one state folder."""

    def __init__(self, state: Path) -> None:
        self.state = state.absolute()
        self.account = service_account()
        self.state.mkdir(parents=True, exist_ok=True)
        if self.account is not None:
            # Our own folder, which a strict umask would close to the service account.
            self.state.chmod(self.state.stat().st_mode | 0o711)

    def log(self, name: str) -> Path:
        folder = self.state / "log"
        folder.mkdir(exist_ok=True)
        return folder / f"{name}.log"

    def home(self, name: str) -> Path:
        """A service's private folder, made when missing."""
        return self._private(self._base / name)

    @cached_property
    def run(self) -> Path:
        """The folder of the sockets."""
        own = self._base / "run"
        if len(os.fsencode(own)) <= LONGEST_RUN_FOLDER and _PLAIN_PATH.fullmatch(str(own)):
            return self._private(own)
        return self._elsewhere("run.path", parent=Path(tempfile.gettempdir()))

    def program(self, file: Path, *, parts: Sequence[Path], version: str) -> Path:
        """`file` itself when the service account can run it, else the same file in a copy of `parts`.

        `parts` are folders with one parent, which is also above `file`: relative library paths stay right.
        """
        if self._runs(file):
            return file
        parent = parts[0].parent
        copy = self._base / f"program-{version}"
        if not copy.exists():
            _copy_together(parts, copy)
        return copy / file.relative_to(parent)

    @cached_property
    def _base(self) -> Path:
        if self._passes(self.state):
            return self.state
        # Root's home is closed to the service account: the data go where root's services keep theirs.
        parent = _PERSISTENT if self._passes(_PERSISTENT) else Path(tempfile.gettempdir())
        return self._elsewhere("base.path", parent=parent)

    def _elsewhere(self, record: str, *, parent: Path) -> Path:
        """A private folder outside the state folder, remembered inside it."""
        note = self.state / record
        if note.exists():
            known = Path(note.read_text().strip())
            if self._is_private(known):
                return known
        made = self._private(Path(tempfile.mkdtemp(prefix="jarvis-", dir=parent)))
        note.write_text(f"{made}\n")
        return made

    def _private(self, folder: Path) -> Path:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        if self.account is not None:
            self._give(folder, self.account)
        return folder

    def _give(self, folder: Path, account: Account) -> None:
        try:
            os.chown(folder, account.uid, account.gid)
        except OSError as error:
            raise LocalError(
                f"The account that runs PostgreSQL cannot be given {folder} ({error.strerror}). "
                "Start Jarvis as another user than root, or set DATABASE_URL."
            ) from None

    def _is_private(self, folder: Path) -> bool:
        """Nobody else may have put this folder there: it must be ours, and closed."""
        try:
            found = folder.lstat()
        except OSError:
            return False
        owner = os.geteuid() if self.account is None else self.account.uid
        return stat.S_ISDIR(found.st_mode) and found.st_uid == owner and not found.st_mode & 0o077

    def _passes(self, folder: Path) -> bool:
        return self.account is None or self._succeeds(["/bin/sh", "-c", 'test -x "$0"', str(folder)])

    def _runs(self, file: Path) -> bool:
        return self.account is None or self._succeeds([str(file), "--version"])

    def _succeeds(self, command: list[str]) -> bool:
        assert self.account is not None  # noqa: S101 - both callers looked
        try:
            found = subprocess.run(
                command,
                check=False,
                capture_output=True,
                cwd="/",
                user=self.account.uid,
                group=self.account.gid,
                extra_groups=[],
            )
        except OSError:
            return False
        return found.returncode == 0


def _copy_together(parts: Sequence[Path], target: Path) -> None:
    """Copy readable for everybody; the folder appears under its name only when complete."""
    unfinished = Path(tempfile.mkdtemp(prefix=f"{target.name}-", dir=target.parent))
    for part in parts:
        if part.is_dir():
            shutil.copytree(part, unfinished / part.name, symlinks=True)
        else:
            shutil.copy2(part, unfinished / part.name)
    for path in [unfinished, *unfinished.rglob("*")]:
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644))
    unfinished.rename(target)
