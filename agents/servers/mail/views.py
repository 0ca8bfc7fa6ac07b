"""The mailbox's pages. Everybody sees their own mail only; what mails say is shown as text and nothing is loaded."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.contracts import Actor
from agents.servers.base import Caller
from agents.servers.mail import selectors, services
from agents.servers.mail.contracts import Mail
from agents.servers.mail.errors import BadInvitation, DeliveryFailed, MailboxUnavailable, NoSuchMail
from agents.servers.mail.forms import LetterForm
from agents.servers.mail.invitations import Invitation, read_invitation
from agents.servers.mail.models import Message
from agents.servers.mail.words import sent_words

QUERY_LIMIT = 200  # characters of a search by hand
_READ_AND_WRITE = ["GET", "HEAD", "POST"]


def caller_of(request: HttpRequest) -> Caller:
    """The person at the screen, as the tools' caller."""
    actor: Actor = request.actor  # type: ignore[attr-defined]  # set by TenantMiddleware
    return Caller(
        organization_id=actor.organization_id,
        member_id=actor.member_id,
        name=actor.name,
        email=actor.email,
        timezone=actor.timezone,
        idempotency_key="",
    )


# Folders ----------------------------------------------------------------------------------------------------------


@require_safe
def inbox(request: HttpRequest, slug: str) -> HttpResponse:  # noqa: ARG001 - the scope was opened from it
    return render(request, "mail/mailbox.html", _folder(request, "inbox"))


@require_safe
def drafts(request: HttpRequest, slug: str) -> HttpResponse:  # noqa: ARG001
    return render(request, "mail/mailbox.html", _folder(request, "drafts"))


@require_safe
def outbox(request: HttpRequest, slug: str) -> HttpResponse:  # noqa: ARG001
    return render(request, "mail/mailbox.html", _folder(request, "outbox"))


@require_safe
def sent(request: HttpRequest, slug: str) -> HttpResponse:  # noqa: ARG001
    return render(request, "mail/mailbox.html", _folder(request, "sent"))


@require_safe
def search(request: HttpRequest, slug: str) -> HttpResponse:
    query = request.GET.get("q", "").strip()[:QUERY_LIMIT]
    if not query:
        return redirect("mail:inbox", slug=slug)
    return render(request, "mail/mailbox.html", _found(request, query))


def _folder(request: HttpRequest, box: str) -> dict[str, Any]:
    caller = caller_of(request)
    mails = selectors.mails_list(caller=caller, box=box, before=_before(request))
    full = len(mails) == selectors.PAGE
    context = _frame(caller, box) | {"mails": mails, "older": mails[-1].id if full else ""}
    if box == Message.Box.INBOX and selectors.imap_connected() and _before(request) is None:
        context |= _with_server(caller, mails)
    return context


def _with_server(caller: Caller, stored: list[Mail]) -> dict[str, Any]:
    try:
        arrived = selectors.inbox_list(caller=caller)
    except MailboxUnavailable as error:
        return {"trouble": error.message}
    return {"mails": sorted([*arrived, *stored], key=lambda mail: mail.at, reverse=True)}


def _found(request: HttpRequest, query: str) -> dict[str, Any]:
    caller = caller_of(request)
    context = _frame(caller, "") | {"query": query}
    try:
        return context | {"mails": selectors.mails_find(caller=caller, query=query)}
    except MailboxUnavailable as error:
        return context | {"mails": [], "trouble": error.message}


def _frame(caller: Caller, box: str) -> dict[str, Any]:
    folders = _folders(selectors.counts_get(caller=caller), box)
    return {
        "box": box,
        "folders": folders,
        "folder_name": next((folder["label"] for folder in folders if folder["current"]), ""),
        "smtp": selectors.smtp_connected(),
        "imap": selectors.imap_connected(),
    }


def _folders(counts: dict[str, int], box: str) -> list[dict[str, Any]]:
    names = {"inbox": _("Inbox"), "drafts": _("Drafts"), "outbox": _("Outbox"), "sent": _("Sent")}
    return [
        {"key": key, "label": label, "count": counts.get(key, 0), "alert": key == "outbox", "current": key == box}
        for key, label in names.items()
        if key != "outbox" or counts["outbox"] or box == "outbox"
    ]


def _before(request: HttpRequest) -> UUID | None:
    try:
        return UUID(request.GET["before"])
    except (KeyError, ValueError):
        return None


# One mail ---------------------------------------------------------------------------------------------------------


@require_safe
def mail(request: HttpRequest, slug: str, mail_id: str) -> HttpResponse:
    """The whole mail, beside the folder it lies in."""
    caller = caller_of(request)
    found = selectors.mail_get(caller=caller, mail_id=mail_id)
    if found.state == Message.State.DRAFT:
        return redirect("mail:draft", slug=slug, draft_id=found.id)
    if found.unread and request.method == "GET":
        _mark_read(caller, found)
    context = _folder(request, found.box) | {"mail": found, "current_id": found.id, "event": _event(found)}
    return render(request, "mail/mail.html", context)


@require_safe
def invitation(request: HttpRequest, slug: str, mail_id: str) -> HttpResponse:  # noqa: ARG001
    """The invitation as a file, for other calendar programs."""
    found = selectors.mail_get(caller=caller_of(request), mail_id=mail_id)
    if not found.invitation:
        raise NoSuchMail
    return HttpResponse(
        found.invitation,
        content_type="text/calendar; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="invite.ics"'},
    )


def _mark_read(caller: Caller, found: Mail) -> None:
    try:
        services.message_mark_read(caller=caller, message_id=UUID(found.id))
    except ValueError:
        return  # it lies on a server, which we never change


def _event(found: Mail) -> Invitation | None:
    try:
        return read_invitation(found.invitation) if found.invitation else None
    except BadInvitation:
        return None


# Writing ----------------------------------------------------------------------------------------------------------


@require_http_methods(_READ_AND_WRITE)
def compose(request: HttpRequest, slug: str) -> HttpResponse:
    """A new mail; it becomes a draft, and is sent from there."""
    if request.method != "POST":
        return _form(request, slug, LetterForm(initial={"to": request.GET.get("to", "")}))
    form = LetterForm(request.POST)
    if not form.is_valid():
        return _form(request, slug, form, status=422)
    draft_made = services.draft_write(caller=caller_of(request), letter=form.letter)
    return _after(request, slug, draft_made.id, sending=form.sending)


@require_http_methods(_READ_AND_WRITE)
def draft(request: HttpRequest, slug: str, draft_id: UUID) -> HttpResponse:
    """Write on at a draft, or send it."""
    kept = services.draft_get(caller=caller_of(request), draft_id=draft_id)
    if request.method != "POST":
        values = {"to": list(kept.to), "cc": list(kept.cc), "subject": kept.subject, "body": kept.body}
        return _form(request, slug, LetterForm(initial=values), kept=kept)
    form = LetterForm(request.POST, invitation=kept.invitation)
    if not form.is_valid():
        return _form(request, slug, form, kept=kept, status=422)
    services.draft_change(caller=caller_of(request), draft_id=draft_id, letter=form.letter)
    return _after(request, slug, draft_id, sending=form.sending)


def _after(request: HttpRequest, slug: str, draft_id: UUID, *, sending: bool) -> HttpResponse:
    if not sending:
        messages.success(request, _("The draft is kept."))
        return redirect("mail:draft", slug=slug, draft_id=draft_id)
    return _sent_or_kept(request, slug, lambda: services.draft_send(caller=caller_of(request), draft_id=draft_id))


def _sent_or_kept(request: HttpRequest, slug: str, send: Callable[[], Message]) -> HttpResponse:
    """Send, and show the mail; what the mail server did not take waits in the outbox."""
    try:
        message = send()
    except DeliveryFailed as error:
        messages.error(request, str(error.message))
        return redirect("mail:outbox", slug=slug)
    messages.success(request, sent_words(message))
    return redirect("mail:mail", slug=slug, mail_id=message.id)


@require_POST
def draft_discard(request: HttpRequest, slug: str, draft_id: UUID) -> HttpResponse:
    services.draft_discard(caller=caller_of(request), draft_id=draft_id)
    messages.success(request, _("The draft is thrown away."))
    return redirect("mail:drafts", slug=slug)


@require_POST
def again(request: HttpRequest, slug: str, message_id: UUID) -> HttpResponse:
    """Take a mail that has not gone out back into the drafts."""
    taken = services.draft_from(caller=caller_of(request), message_id=message_id)
    return redirect("mail:draft", slug=slug, draft_id=taken.id)


@require_POST
def resend(request: HttpRequest, slug: str, message_id: UUID) -> HttpResponse:
    """Try a mail that has not gone out once more."""
    return _sent_or_kept(request, slug, lambda: services.mail_resend(caller=caller_of(request), message_id=message_id))


def _form(
    request: HttpRequest, slug: str, form: LetterForm, *, kept: Message | None = None, status: int = 200
) -> HttpResponse:
    context = _folder(request, "drafts") | {"form": form}
    if kept:
        context |= {
            "draft": kept,
            "current_id": str(kept.id),
            "event": _event(selectors.as_mail(kept)),
            "discard_url": reverse("mail:draft_discard", args=[slug, kept.id]),
        }
    return render(request, "mail/compose.html", context, status=status)
