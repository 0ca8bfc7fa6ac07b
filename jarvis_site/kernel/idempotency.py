"""Requests that a program may repeat without having their effect twice: the header `Idempotency-Key`
(draft-ietf-httpapi-idempotency-key-header).

The effect of a request and the answer to it are stored in one transaction, so that there is never one without the
other, whenever the process ends. What failed on our side left nothing, and may be tried again with the same key.
"""

import hashlib
import re
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from jarvis_site.kernel.clock import db_now
from jarvis_site.kernel.errors import Conflict, Invalid, JarvisError
from jarvis_site.kernel.errors.middleware import problem_response
from jarvis_site.kernel.models import IdempotentRequest
from jarvis_site.kernel.tenancy import all_tenants
from jarvis_site.kernel.tenancy.statements import fetch

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
KEPT = timedelta(days=1)
# Some thousand rows a second, while no lock is held for longer than anybody notices.
BATCH = 500
# What is refused now may be done later, with the same key.
TOO_MANY = HTTPStatus.TOO_MANY_REQUESTS
_API = "/api/"
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
# Visible characters: the draft asks for a string of structured fields, and programs send a UUID with or without quotes.
_KEY = re.compile(r'"?([\x21\x23-\x7e]{1,200})"?')
# Whoever gets the lock is the first; it ends with the transaction, also when the process is killed.
_BE_FIRST = """
    SELECT pg_try_advisory_xact_lock(hashtextextended(%(name)s || %(organization)s::text, 0))
"""


class BadKey(Invalid):
    code = "bad_idempotency_key"
    message = _("The header Idempotency-Key takes 1 to 200 visible characters, for example a UUID. Nothing was done.")


class UnderWay(Conflict):
    code = "request_under_way"
    message = _("The first request with this key is still under way. Ask again in a moment.")
    retryable = True


class OtherRequest(JarvisError):
    code = "idempotency_key_reused"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    message = _("This key was used for another request. Nothing was done; take a new key for a new request.")


class AnsweredBefore(Exception):
    """The request was carried out before. Raised by `once` behind the guard, made an answer of by the API."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__()
        self._answer = answer

    def response(self) -> HttpResponse:
        answer = self._answer
        return HttpResponse(
            answer["content"],
            status=answer["status"],
            headers={"Content-Type": answer["type"], REPLAYED: "true"},
        )


class IdempotencyMiddleware:
    """Stands inside the tenant scope, around the API."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get(HEADER)
        actor = getattr(request, "actor", None)
        if given is None or actor is None or request.method in _READING or not request.path_info.startswith(_API):
            return self.get_response(request)
        try:
            return self._once(request, member_id=actor.member_id, key=_read(given))
        except JarvisError as error:
            return problem_response(request, error)

    @transaction.atomic
    def _once(self, request: HttpRequest, *, member_id: UUID, key: str) -> HttpResponse:
        if not fetch(_BE_FIRST, name=f"idempotency {member_id} {key} ")[0][0]:
            raise UnderWay
        fingerprint = _fingerprint(request)
        request.answered = _answered(member_id, key, fingerprint)  # type: ignore[attr-defined]  # read by `once`
        response = self.get_response(request)
        if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR or response.status_code == TOO_MANY:
            transaction.set_rollback(True)
        elif getattr(request, "carried_out", False):
            IdempotentRequest.objects.create(
                member_id=member_id,
                key=key,
                fingerprint=fingerprint,
                status=response.status_code,
                body={"content": response.content.decode(), "type": response.headers["Content-Type"]},
            )
        return response


def once(request: HttpRequest) -> None:
    """Called by the guard of an operation when the caller may use it, before anything is done.

    Raises:
        AnsweredBefore: it was done before, with this answer.
    """
    answered = getattr(request, "answered", None)
    if answered is not None:
        raise AnsweredBefore(answered)
    request.carried_out = True  # type: ignore[attr-defined]  # read by the middleware


def _read(given: str) -> str:
    found = _KEY.fullmatch(given.strip())
    if found is None:
        raise BadKey
    return found[1]


def _fingerprint(request: HttpRequest) -> str:
    told = f"{request.method} {request.get_full_path()} {request.content_type}\n".encode()
    return hashlib.sha256(told + request.body).hexdigest()


def _answered(member_id: UUID, key: str, fingerprint: str) -> dict[str, Any] | None:
    """The answer that was given, if it was given lately. Raises `OtherRequest`."""
    rows = IdempotentRequest.objects.filter(member_id=member_id, key=key)
    rows.filter(created_at__lt=db_now(plus=-KEPT)).delete()
    row = rows.first()
    if row is None:
        return None
    if row.fingerprint != fingerprint:
        raise OtherRequest
    return {**(row.body or {}), "status": row.status}


def forget_old() -> int:
    """Delete the answers of all organizations that nobody may ask for any more. Returns how many."""
    gone = 0
    with all_tenants():
        old = IdempotentRequest.objects.filter(created_at__lt=db_now(plus=-KEPT)).order_by("created_at")
        while batch := list(old.values_list("pk", flat=True)[:BATCH]):
            gone += IdempotentRequest.objects.filter(pk__in=batch).delete()[0]
    return gone
