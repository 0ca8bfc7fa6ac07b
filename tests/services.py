"""Real PostgreSQL and Valkey for one test run, started before Django reads its settings.

Nothing is shared between runs: each has a folder and servers of its own. What takes long, creating the cluster, is
done once and copied from `.state/test` afterwards.
"""

import atexit
import fcntl
import hashlib
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from psycopg.conninfo import make_conninfo

from jarvis_site.local.places import service_account
from jarvis_site.local.postgres import ROLES_SQL, Postgres
from jarvis_site.local.valkey import Valkey

CACHE = Path(__file__).resolve().parent.parent / ".state" / "test"
_PREFIX = "jarvis-test-"
# The data are thrown away: nothing has to survive a crash of the machine.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}
ROLES = {"DATABASE_URL": "jarvis_app", "DATABASE_PLATFORM_URL": "jarvis_platform", "DATABASE_OWNER_URL": "jarvis_owner"}
# Set by the controlling process for the workers it starts, and by each process for what tests start.
_STARTED = "JARVIS_TEST_RUN"
_OWNER = "JARVIS_TEST_WORKER"
# Valkey has sixteen databases: the lower half for tests, the upper for whole sites beside them.
_FIRST_APART = 8


class Run:
    """The folder and the servers of this test run."""

    def __init__(self) -> None:
        _remove_abandoned()
        self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        self._lock = _lock(self.folder)
        # Reached by the account the servers run as.
        self.folder.chmod(0o755)
        self.postgres: Postgres | None = None
        self.valkey: Valkey | None = None

    def start(self) -> None:
        os.environ["JARVIS_STATE_DIR"] = str(self.folder)
        if not os.environ.get("DATABASE_URL"):
            self._start_postgres()
        if not os.environ.get("REDIS_URL"):
            self.valkey = Valkey(self.folder)
            self.valkey.start()
            os.environ["REDIS_URL"] = self.valkey.address()

    def _start_postgres(self) -> None:
        self.postgres = Postgres(self.folder, flags=FAST)
        cached = CACHE / f"cluster-{_cluster_key(self.postgres)}"
        if cached.exists():
            _copy(cached, self.postgres.data)
            self.postgres.start(prepare=False)
        else:
            self.postgres.start()
            self.postgres.stop()
            _keep(self.postgres.data, cached)
            self.postgres.start(prepare=False)
        for name, role in ROLES.items():
            os.environ[name] = self.postgres.address(role)

    def stop(self) -> None:
        for server in (self.valkey, self.postgres):
            if server is not None:
                server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._lock)


_run: Run | None = None


def provide() -> None:
    """Start the run's servers in the controlling process; in its workers, take one's own part of them."""
    global _run  # noqa: PLW0603 - one run per process, stopped by `stop`
    if _STARTED not in os.environ:
        _run = Run()
        atexit.register(stop)  # also when Django does not start
        _run.start()
        os.environ[_STARTED] = str(_run.folder)
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    if os.environ.get(_OWNER) != worker:
        _take_own_part(worker)


def stop() -> None:
    """End what this process started."""
    global _run  # noqa: PLW0603
    if _run is not None:
        _run.stop()
        _run = None


def _take_own_part(worker: str) -> None:
    """Queues by database number, channels by prefix (publish and subscribe do not know database numbers)."""
    os.environ[_OWNER] = worker
    number = _worker_number()
    url = _numbered(os.environ["REDIS_URL"], number)
    workspaces = Path(os.environ[_STARTED]) / f"workspaces-{worker}"
    workspaces.mkdir(exist_ok=True)
    os.environ.update(
        {
            "REDIS_URL": url,
            "CELERY_BROKER_URL": _as_broker(url, number),
            "JARVIS_CHANNEL_PREFIX": f"test-{worker}",
            "JARVIS_WORKSPACE_DIR": str(workspaces),
        }
    )


def _numbered(url: str, number: int) -> str:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return f"unix://{parts.path}?db={number}"  # urlunsplit leaves the slashes out
    return urlunsplit(parts._replace(path=f"/{number}"))


def _as_broker(url: str, number: int) -> str:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return f"redis+socket://{parts.path}?virtual_host={number}"
    return url


def _cluster_key(postgres: Postgres) -> str:
    ingredients = [postgres.version, ROLES_SQL.read_text(), Path(__file__).read_text()]
    return hashlib.sha256("\n".join(ingredients).encode()).hexdigest()[:16]


def _copy(cached: Path, data: Path) -> None:
    shutil.copytree(cached, data)
    data.chmod(0o700)
    account = service_account()
    if account is None:
        return
    for path in [data, *data.rglob("*")]:
        os.chown(path, account.uid, account.gid)


def _keep(data: Path, cached: Path) -> None:
    """The copy appears under its name only when complete; one made meanwhile by another run is as good."""
    for old in CACHE.glob("cluster-*"):
        shutil.rmtree(old, ignore_errors=True)
    CACHE.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=CACHE))
    shutil.copytree(data, unfinished / "data")
    with suppress(OSError):
        (unfinished / "data").rename(cached)
    shutil.rmtree(unfinished, ignore_errors=True)


def _lock(folder: Path) -> int:
    """Hold a lock that the kernel lets go when we end. Raises BlockingIOError when another run holds it."""
    handle = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise
    return handle


def _remove_abandoned() -> None:
    """Folders of runs that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):  # another person's, or in use
            if folder.is_symlink() or folder.stat().st_uid != os.geteuid() or not (folder / "lock").exists():
                continue
            os.close(_lock(folder))
            shutil.rmtree(folder, ignore_errors=True)


def child_environment(database: str) -> dict[str, str]:
    """Our environment, pointed at the test database instead of the one it was copied from."""
    addresses = {name: make_conninfo(os.environ[name], dbname=database) for name in ROLES if name in os.environ}
    return {**os.environ, **addresses, "DJANGO_SETTINGS_MODULE": "jarvis_site.settings"}


def apart_environment(database: str, folder: Path) -> dict[str, str]:
    """An environment on the same servers in which nothing is shared with the tests: queues, channels and files too."""
    number = _FIRST_APART + _worker_number() % _FIRST_APART
    url = _numbered(os.environ["REDIS_URL"], number)
    return {
        **child_environment(database),
        "REDIS_URL": url,
        "CELERY_BROKER_URL": _as_broker(url, number),
        "JARVIS_CHANNEL_PREFIX": f"apart-{number}",
        "JARVIS_WORKSPACE_DIR": str(folder / "workspaces"),
    }


def _worker_number() -> int:
    worker = os.environ[_OWNER]
    return int(worker.removeprefix("gw")) + 1 if worker != "main" else 0
