"""A CalDAV server as the calendar (RFC 4791). Each member has a collection of their own in the account's calendar home.

Names of collections and objects are made from ids that we know, so every write can be repeated without harm. Events
that other programs put into the collection are seen and can be changed; what we do not know of them is kept.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urljoin
from uuid import UUID
from xml.sax.saxutils import escape

import structlog
from caldav.davclient import DAVClient
from caldav.lib.error import AuthorizationError, DAVError
from caldav.lib.http_sync import requests
from django.utils import timezone as clock
from django.utils.translation import gettext as _

from agents.servers.base import ToolError
from agents.servers.calendar.contracts import CalendarEvent, Kept
from agents.servers.calendar.ics import BadCalendar, read_events, stored_text
from agents.servers.calendar.providers.failures import changed_meanwhile, kept_elsewhere
from agents.servers.calendar.providers.texts import content_digest, sequence_raised
from agents.servers.calendar.zones import zone_named

log = structlog.get_logger(__name__)

PLACE = "caldav"
# A calendar that takes longer keeps a person waiting for nothing; the step is tried again later.
TIMEOUT_SECONDS = 10
_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_NO_COLLECTION = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT})
_MKCALENDAR = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<C:mkcalendar xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:set><D:prop>'
    "<D:displayname>{name}</D:displayname>"
    '<C:supported-calendar-component-set><C:comp name="VEVENT"/></C:supported-calendar-component-set>'
    "</D:prop></D:set></C:mkcalendar>"
)
_OWN_UID = re.compile(r"[0-9a-f-]{36}")
_STAMP = "%Y%m%dT%H%M%SZ"
_QUERY = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<C:calendar-query xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:prop><D:getetag/><C:calendar-data/>'
    '</D:prop><C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT">{condition}</C:comp-filter>'
    "</C:comp-filter></C:filter></C:calendar-query>"
)


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as the server keeps it."""

    href: str
    etag: str
    text: str


class CalDavProvider:
    """Implements `CalendarProvider`."""

    def __init__(self, *, url: str, user: str, password: str, member_id: UUID, owner: str, timezone: str) -> None:
        self.url, self.user, self.password = url, user, password
        self.collection_name = f"jarvis-{member_id}"
        self.display_name = f"Jarvis ({owner})"
        self.zone = zone_named(timezone)

    def unit(self) -> AbstractContextManager[object]:
        return nullcontext()  # the server knows no transactions; every method changes one object

    def between(self, after: datetime, before: datetime) -> list[CalendarEvent]:
        with self._client() as client:
            times = f'<C:time-range start="{after.astimezone(UTC):{_STAMP}}" end="{before.astimezone(UTC):{_STAMP}}"/>'
            found = self._query(client, times)
        return [event for stored in found for event in self._read(stored.text)]

    def get(self, uid: str) -> CalendarEvent | None:
        with self._client() as client:
            stored = self._stored(client, uid)
        return self._event(stored, uid)

    def _event(self, stored: Stored | None, uid: str) -> CalendarEvent | None:
        events = self._read(stored.text) if stored else []
        event = next((event for event in events if event.uid == uid), None)
        return replace(event, version=content_digest(stored.text)) if event and stored else None

    def add(self, event: CalendarEvent) -> CalendarEvent:
        text = stored_text(event, stamp=clock.now())
        with self._client() as client:
            href = self._href(client, event.uid)
            only_new = {"If-None-Match": "*"}
            status = self._put(client, href, text, only_new)
            if status in _NO_COLLECTION:
                self._make_collection(client)
                status = self._put(client, href, text, only_new)
            if status != HTTPStatus.PRECONDITION_FAILED:
                self._expect(status)
        return self.get(event.uid) or event

    def replace(self, event: CalendarEvent) -> CalendarEvent:
        with self._client() as client:
            stored = self._stored(client, event.uid)
            if stored is None:
                raise ToolError(_("“%(title)s” is no longer there.") % {"title": event.title}, code="not_found")
            self._expect_version(stored, event)
            text = stored_text(event, stamp=clock.now(), stored=stored.text)
            self._expect_match(self._put(client, stored.href, text, _only(stored)), event.title)
        return self.get(event.uid) or event

    def remove(self, event: CalendarEvent) -> None:
        with self._client() as client:
            stored = self._stored(client, event.uid)
            if stored is None:
                return
            self._expect_version(stored, event)
            self._delete(client, stored, event.title)

    def kept(self, uid: str) -> Kept | None:
        with self._client() as client:
            stored = self._stored(client, uid)
        if stored is None:
            return None
        name = stored.href.rpartition("/")[2]
        text = json.dumps({"place": PLACE, "name": name, "text": stored.text})
        return Kept(text, content_digest(stored.text))

    def put_back(self, uid: str, text: str, *, version: str) -> None:
        with self._client() as client:
            stored = self._stored(client, uid)
            now = self._event(stored, uid)
            title = now.title if now else ""
            if (content_digest(stored.text) if stored else "") != version:
                raise changed_meanwhile(title)
            if text:
                self._put_back(client, stored, text, sequence=now.sequence if now else 0, title=title)
            elif stored:
                self._delete(client, stored, title)

    def _put_back(self, client: DAVClient, stored: Stored | None, text: str, *, sequence: int, title: str) -> None:
        before = json.loads(text)
        if before.get("place") != PLACE:
            raise kept_elsewhere()
        body = sequence_raised(str(before["text"]), above=sequence)
        if stored:
            self._expect_match(self._put(client, stored.href, body, _only(stored)), title)
        else:
            href = f"{self._collection_url(client)}{before['name']}"
            self._expect_match(self._put(client, href, body, {"If-None-Match": "*"}), title)

    def _expect_version(self, stored: Stored, event: CalendarEvent) -> None:
        """What we want to change must be what we have read."""
        if event.version and content_digest(stored.text) != event.version:
            raise changed_meanwhile(event.title)

    def _expect_match(self, status: int, title: str) -> None:
        if status == HTTPStatus.PRECONDITION_FAILED:
            raise changed_meanwhile(title)
        self._expect(status)

    def _delete(self, client: DAVClient, stored: Stored, title: str) -> None:
        status = int(client.request(stored.href, "DELETE", "", _only(stored)).status)
        if status not in _GONE:
            self._expect_match(status, title)

    # The wire ---------------------------------------------------------------------------------------------------------

    @contextmanager
    def _client(self) -> Iterator[DAVClient]:
        """Open a session; what goes wrong with it becomes a failure in words."""
        client = DAVClient(
            url=self.url,
            username=self.user or None,
            password=self.password or None,
            timeout=TIMEOUT_SECONDS,
            enable_rfc6764=False,
        )
        try:
            with client:
                yield client
        except AuthorizationError as error:
            raise ToolError(
                _("The calendar server refused the sign-in. Check its address, user and password in the settings."),
                code="calendar_refused",
            ) from error
        except (requests.exceptions.RequestException, DAVError, OSError) as error:
            log.warning("calendar_server_failed", error=type(error).__name__)
            raise _unreachable() from error

    def _home(self, client: DAVClient) -> str:
        key = (self.url, self.user)
        home = _known_homes().get(key)
        if home is None:
            home = str(client.get_principal().calendar_home_set.url)
            _known_homes()[key] = home
        return home.rstrip("/")

    def _collection_url(self, client: DAVClient) -> str:
        return f"{self._home(client)}/{self.collection_name}/"

    def _href(self, client: DAVClient, uid: str) -> str:
        return f"{self._collection_url(client)}{quote(uid, safe='')}.ics"

    def _make_collection(self, client: DAVClient) -> None:
        body = _MKCALENDAR.format(name=escape(self.display_name))
        response = client.mkcalendar(self._collection_url(client), body)
        if response.status not in {HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.CONFLICT}:  # somebody was faster
            self._expect(response.status)

    def _put(self, client: DAVClient, href: str, text: str, headers: Mapping[str, str]) -> int:
        content = {"Content-Type": "text/calendar; charset=utf-8"}
        return int(client.put(href, text, {**content, **headers}).status)

    def _stored(self, client: DAVClient, uid: str) -> Stored | None:
        """Look under our own name for it first; other programs choose names of their own."""
        if not _OWN_UID.fullmatch(uid):
            return self._stored_elsewhere(client, uid)
        href = self._href(client, uid)
        response = client.request(href)
        if response.status == HTTPStatus.OK:
            return Stored(href, str(response.headers.get("ETag", "")), _body(response))
        if response.status not in _GONE:
            self._expect(response.status)
        return self._stored_elsewhere(client, uid)

    def _stored_elsewhere(self, client: DAVClient, uid: str) -> Stored | None:
        named = (
            f'<C:prop-filter name="UID"><C:text-match collation="i;octet">{escape(uid)}</C:text-match></C:prop-filter>'
        )
        found = self._query(client, named)  # a text match finds parts of texts too
        return next((stored for stored in found if any(e.uid == uid for e in self._read(stored.text))), None)

    def _query(self, client: DAVClient, condition: str) -> list[Stored]:
        """Ask for the objects with an event that fits. Not the library's own search: that unfolds every rule it meets,
        and one that repeats each second keeps it busy for ever."""
        collection = self._collection_url(client)
        response = client.report(collection, _QUERY.format(condition=condition), depth=1)
        if response.status in _GONE:
            return []  # nothing was ever kept there
        self._expect(response.status)
        answer: Any = response.tree
        return [] if answer is None else [_object(collection, found) for found in answer.iter("{DAV:}response")]

    def _expect(self, status: int) -> None:
        if status < HTTPStatus.BAD_REQUEST:
            return
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise _unreachable()
        raise ToolError(
            _("The calendar server refused the change (%(status)d). Nothing was changed.") % {"status": status},
            code="calendar_refused",
        )

    def _read(self, text: str) -> list[CalendarEvent]:
        try:
            return read_events(text, self.zone)
        except BadCalendar:
            log.warning("calendar_object_unreadable", collection=self.collection_name)
            return []


@cache
def _known_homes() -> dict[tuple[str, str], str]:
    """Calendar homes found by discovery, for the life of the process: they move with the account, not by themselves."""
    return {}


def _only(stored: Stored) -> dict[str, str]:
    """Ask that a change be made only to what we have seen; a few servers give nothing to ask it by."""
    return {"If-Match": stored.etag} if stored.etag else {}


def _object(collection: str, found: Any) -> Stored:
    """Read one object of a query's answer."""
    href = found.findtext("{DAV:}href") or ""
    etag = found.findtext(".//{DAV:}getetag") or ""
    text = found.findtext(".//{urn:ietf:params:xml:ns:caldav}calendar-data") or ""
    return Stored(urljoin(collection, href), etag, text)


def _body(response: Any) -> str:
    raw = response.raw
    return raw.decode() if isinstance(raw, bytes) else str(raw)


def _unreachable() -> ToolError:
    return ToolError(
        _("The calendar server does not answer. Nothing is lost; try again in a few minutes."),
        code="calendar_unreachable",
        retryable=True,
    )
