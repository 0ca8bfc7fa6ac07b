"""A real SMTP server on a free port of the loopback interface, in a thread, that can also misbehave."""

# ruff: noqa: ARG002, N802 - methods of aiosmtpd's handlers

import asyncio
import logging
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from pytest_django import Settings

__all__ = ["Post", "SmtpServer", "site_smtp", "smtp_running", "smtp_server"]

USER, PASSWORD = "office@jarvis.example", "smtp-password"
logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # what it says about a client that leaves is no news here


@dataclass(frozen=True)
class Post:
    """One mail that the server took."""

    sender: str
    recipients: list[str]
    raw: bytes
    encrypted: bool

    @property
    def message(self) -> EmailMessage:
        message = message_from_bytes(self.raw, policy=default)
        assert isinstance(message, EmailMessage)
        return message


@dataclass
class SmtpServer:
    """The server, as tests steer it. Addresses map to the answer that they get.

    Attributes:
        on_mail: answers to the next MAIL commands, in turn; then all is well.
        after_content: answers to whole mails, in turn; None breaks the connection off without one, with the mail kept.
        break_before_content: break off when the recipients have been named.
        on_content: called in a thread of its own when a whole mail is there, before it is answered.
    """

    port: int = 0
    received: list[Post] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    on_mail: list[str] = field(default_factory=list)
    after_content: list[str | None] = field(default_factory=list)
    break_before_content: bool = False
    on_content: Callable[[], object] = list

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.on_mail:
            return self.on_mail.pop(0)
        envelope.mail_from, envelope.mail_options = address, options
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.break_before_content:
            _break_off(server)
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        await asyncio.to_thread(self.on_content)
        answer = self.after_content.pop(0) if self.after_content else "250 Taken"
        if answer is None or answer.startswith("250"):
            raw = envelope.original_content or b""
            self.received.append(Post(envelope.mail_from or "", list(envelope.rcpt_tos), raw, bool(session.ssl)))
        if answer is None:
            _break_off(server)
        return answer or "250 Taken"


def _break_off(server: SMTP) -> None:
    assert server.transport is not None
    server.transport.abort()
    raise asyncio.CancelledError


class _Controller(Controller):
    def _trigger_server(self) -> None:
        """The port is only known once the server listens; ask it instead of the number we were made with."""
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


def _authenticate(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, login: Any) -> AuthResult:
    right = isinstance(login, LoginPassword) and (login.login, login.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=right, handled=right)


@contextmanager
def smtp_running(tls: ssl.SSLContext | None = None, *, smtputf8: bool = False) -> Iterator[SmtpServer]:
    """Start a server; with `tls` it offers STARTTLS."""
    server = SmtpServer()
    controller = _Controller(
        server,
        hostname="127.0.0.1",
        port=0,
        tls_context=tls,
        authenticator=_authenticate,
        auth_require_tls=tls is not None,
        enable_SMTPUTF8=smtputf8,
    )
    controller.start()
    server.port = controller.port
    try:
        yield server
    finally:
        controller.stop()


@pytest.fixture
def smtp_server(settings: Settings) -> Iterator[SmtpServer]:
    """Mail is sent through this server for the length of a test: no sign-in, no encryption."""
    with smtp_running(smtputf8=True) as server:
        settings.SMTP_HOST, settings.SMTP_PORT = "127.0.0.1", server.port
        settings.SMTP_USER, settings.SMTP_PASSWORD, settings.SMTP_TLS = "", "", False
        yield server


def send_site_mail_to(settings: Settings, port: int) -> None:
    """The site's own mail goes to a server on this port."""
    options = {"host": "127.0.0.1", "port": port, "timeout": 10}
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": options}}


@pytest.fixture
def site_smtp(settings: Settings) -> Iterator[SmtpServer]:
    """The site's own mail goes through this server for the length of a test."""
    with smtp_running() as server:
        send_site_mail_to(settings, server.port)
        yield server
