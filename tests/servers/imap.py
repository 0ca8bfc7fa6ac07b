"""A real IMAP server (Dovecot, unprivileged) on a free port of the loopback interface, with its own folder."""

import grp
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import pytest
from imap_tools import MailBoxUnencrypted
from pytest_django import Settings

from jarvis_site.local.places import service_account

__all__ = ["ImapServer", "imap_process", "imap_running", "imap_server"]

USER, PASSWORD = "office@jarvis.example", "imap-password"
_START_SECONDS = 15
_SINCE_2_4 = """
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
auth_allow_cleartext = yes
default_vsz_limit = unlimited
mail_driver = maildir
mail_path = {folder}/mail/%{{user}}
passdb static {{
  password = {password}
}}
userdb static {{
  fields {{
    uid = {uid}
    gid = {gid}
    home = {folder}/mail/%{{user}}
  }}
}}
"""
_BEFORE_2_4 = """
disable_plaintext_auth = no
default_vsz_limit = 0
mail_location = maildir:{folder}/mail/%u
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%u
}}
"""
_CONFIG = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
listen = 127.0.0.1
protocols = imap
ssl = no
default_internal_user = {account}
default_internal_group = {group}
default_login_user = {account}
first_valid_uid = 1
mail_uid = {uid}
mail_gid = {gid}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Posted {{
    auto = create
    special_use = \\Sent
  }}
}}
service imap-login {{
  chroot =
  process_min_avail = 1
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


@dataclass(frozen=True)
class ImapServer:
    """Any name signs in with the password and has a mailbox of its own; `Posted` is the folder of sent mail."""

    port: int
    user: str = USER
    password: str = PASSWORD

    def put(self, message: EmailMessage | bytes, *, folder: str = "INBOX") -> None:
        """Lay a mail into a folder."""
        content = message if isinstance(message, bytes) else message.as_bytes()
        with MailBoxUnencrypted("127.0.0.1", self.port).login(self.user, self.password) as box:
            box.append(content, folder)

    def unseen(self) -> int:
        with MailBoxUnencrypted("127.0.0.1", self.port).login(self.user, self.password) as box:
            return box.folder.status("INBOX", ["UNSEEN"])["UNSEEN"]

    def empty(self) -> None:
        with MailBoxUnencrypted("127.0.0.1", self.port).login(self.user, self.password) as box:
            for folder in ("INBOX", "Posted"):
                box.folder.set(folder)
                box.delete(box.uids())


@contextmanager
def imap_running() -> Iterator[ImapServer]:
    """Start a server. Fails when Dovecot is not installed."""
    program = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        raise RuntimeError("The tests need an IMAP server: install Debian's dovecot-imapd.")
    folder = Path(tempfile.mkdtemp(prefix="jarvis-imap-"))
    account = service_account()
    uid, gid = (account.uid, account.gid) if account else (os.getuid(), os.getgid())
    port = _free_port()
    config = (_dialect(program) + _CONFIG).format(
        folder=folder,
        account=pwd.getpwuid(uid).pw_name,
        group=grp.getgrgid(gid).gr_name,
        uid=uid,
        gid=gid,
        password=PASSWORD,
        port=port,
    )
    (folder / "config").write_text(config)
    (folder / "mail").mkdir()
    for path in (folder, folder / "config", folder / "mail"):
        os.chown(path, uid, gid)
    command = [program, "-F", "-c", str(folder / "config")]
    extra: dict[str, object] = {"user": uid, "group": gid, "extra_groups": []} if account else {}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **extra)  # type: ignore[call-overload]
    try:
        _wait_until_greeting(process, port, folder / "log")
        yield ImapServer(port)
    finally:
        process.terminate()
        process.communicate(timeout=10)
        shutil.rmtree(folder, ignore_errors=True)


def _dialect(program: str) -> str:
    """The settings whose names and syntax changed with Dovecot 2.4, which asks for its version first."""
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return _BEFORE_2_4 if said.startswith("2.3.") else _SINCE_2_4


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_greeting(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            _out, said = process.communicate()
            raise RuntimeError(f"Dovecot ended at once: {said.decode()} {log.read_text() if log.exists() else ''}")
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as probe:
            if probe.recv(4) == b"* OK":
                return
        time.sleep(0.02)
    raise RuntimeError("Dovecot did not start.")


@pytest.fixture(scope="session")
def imap_process() -> Iterator[ImapServer]:
    with imap_running() as server:
        yield server


@pytest.fixture
def imap_server(imap_process: ImapServer, settings: Settings) -> ImapServer:
    """The connected mailbox, empty, for the length of a test."""
    imap_process.empty()
    settings.IMAP_HOST, settings.IMAP_PORT, settings.IMAP_TLS = "127.0.0.1", imap_process.port, False
    settings.IMAP_USER, settings.IMAP_PASSWORD = imap_process.user, imap_process.password
    return imap_process
