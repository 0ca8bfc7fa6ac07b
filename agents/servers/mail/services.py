"""Writes to the mailbox: drafts, sending, contacts. Each call is done once, however often it is repeated."""

import hashlib
from collections.abc import Iterable
from dataclasses import asdict
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Membership
from agents.contracts import digest
from agents.servers.base import Caller
from agents.servers.mail import delivery
from agents.servers.mail.addresses import RECIPIENT_LIMIT, ascii_domain, clean_address, distinct, same
from agents.servers.mail.characters import one_line
from agents.servers.mail.composition import Letter, Sender, clean_body, clean_subject, message_id
from agents.servers.mail.errors import BadAddress, DraftChanged, KeyReused, NoSuchMail
from agents.servers.mail.invitations import check_invitation, read_invitation
from agents.servers.mail.models import KEY_LIMIT, NAME_LIMIT, Contact, Message
from agents.servers.mail.selectors import message_get, smtp_connected
from jarvis_site.audit import record
from jarvis_site.kernel.ids import uuid7


def letter_checked(
    *, to: Iterable[str], cc: Iterable[str] = (), subject: str = "", body: str = "", invitation: str = ""
) -> Letter:
    """Return the letter as it will be sent.

    Raises:
        BadAddress, BadText, BadInvitation: saying what to change.
    """
    first = distinct(clean_address(address) for address in to)
    known = {address.casefold() for address in first}
    copies = [address for address in distinct(clean_address(a) for a in cc) if address.casefold() not in known]
    if len(first) + len(copies) > RECIPIENT_LIMIT:
        raise BadAddress(_("A mail can have 100 recipients at most. Nothing was sent."))
    return Letter(
        to=tuple(first),
        cc=tuple(copies),
        subject=clean_subject(subject),
        body=clean_body(body),
        invitation=check_invitation(invitation) if invitation.strip() else "",
    )


# Drafts -----------------------------------------------------------------------------------------------------------


def draft_write(*, caller: Caller, letter: Letter) -> Message:
    """Keep a draft in the caller's mailbox. Raises `KeyReused`."""
    with transaction.atomic():
        draft, made = _entered(caller, letter, box=Message.Box.DRAFTS, state=Message.State.DRAFT, key=_key(caller))
        if made:
            record(action="mail.drafted", resource=draft, words={"to": list(letter.recipients)})
    return draft


def draft_get(*, caller: Caller, draft_id: UUID) -> Message:
    """Return a draft that can still be changed. Raises `NoSuchMail`."""
    draft = message_get(caller=caller, message_id=draft_id)
    if draft.state != Message.State.DRAFT:
        raise NoSuchMail
    return draft


def draft_change(*, caller: Caller, draft_id: UUID, letter: Letter) -> Message:
    """Replace what a draft says. Raises `NoSuchMail` when it is not the caller's, or has been sent."""
    with transaction.atomic():
        draft = _draft_locked(caller, draft_id)
        draft.to, draft.cc = list(letter.to), list(letter.cc)
        draft.subject, draft.body, draft.invitation = letter.subject, letter.body, letter.invitation
        draft.save(update_fields=["to", "cc", "subject", "body", "invitation"])
        record(action="mail.draft_changed", resource=draft, words={"to": list(letter.recipients)})
    return draft


def draft_discard(*, caller: Caller, draft_id: UUID) -> None:
    """Throw a draft away. Raises `NoSuchMail`."""
    with transaction.atomic():
        draft = _draft_locked(caller, draft_id)
        record(action="mail.draft_discarded", resource=draft, words={"to": draft.recipients})
        draft.delete()


def draft_take_back(*, caller: Caller, draft_id: UUID, version: str) -> None:
    """Remove a draft that still says what it said. One that is gone already is no failure.

    Args:
        version: what `draft_version` gave then.

    Raises:
        DraftChanged: it was changed or sent since; it stays as it is.
    """
    with transaction.atomic():
        mine = Message.objects.select_for_update().filter(owner_id=caller.member_id, box=Message.Box.DRAFTS)
        draft = mine.filter(pk=draft_id).first()
        if draft is None:
            return
        if draft.state != Message.State.DRAFT:
            raise DraftChanged(_("The draft has been sent since, which cannot be taken back."))
        if draft_version(draft) != version:
            raise DraftChanged
        record(action="mail.draft_discarded", resource=draft, words={"to": draft.recipients})
        draft.delete()


def draft_version(draft: Message | Letter) -> str:
    """Digest of what it says."""
    return digest([list(draft.to), list(draft.cc), draft.subject, draft.body, draft.invitation])


def draft_send(*, caller: Caller, draft_id: UUID) -> Message:
    """Send a draft as it stands; pressing the button twice sends it once.

    Raises:
        NoSuchMail; BadAddress, BadText, BadInvitation; DeliveryFailed.
    """
    draft = message_get(caller=caller, message_id=draft_id)
    if draft.box != Message.Box.DRAFTS:
        raise NoSuchMail
    return mail_send(caller=caller, letter=letter_of(draft), draft_id=draft_id, key=f"draft:{draft_id}")


def draft_from(*, caller: Caller, message_id: UUID) -> Message:
    """Make a draft with the words of a mail in the outbox. One that may have gone out stays on record among the sent.

    Raises:
        NoSuchMail: there is none, or it is being sent just now.
    """
    with transaction.atomic():
        mail = _in_outbox(caller, message_id)
        letter = letter_of(mail)
        key = f"again:{mail.id}"
        draft, _made = _entered(caller, letter, box=Message.Box.DRAFTS, state=Message.State.DRAFT, key=key)
        if mail.state == Message.State.UNKNOWN:
            mail.box = Message.Box.SENT
        else:
            mail.state = Message.State.USED
        mail.save(update_fields=["box", "state"])
        record(action="mail.taken_back", resource=mail, details={"draft": str(draft.id), "state": mail.state})
    return draft


def mail_resend(*, caller: Caller, message_id: UUID) -> Message:
    """Try a mail in the outbox again, if nothing of it has gone out. Raises `NoSuchMail`, `DeliveryFailed`."""
    with transaction.atomic():
        mail = _in_outbox(caller, message_id)
    return mail_send(caller=caller, letter=letter_of(mail), key=mail.idempotency_key)


def _in_outbox(caller: Caller, message_id: UUID) -> Message:
    mail = (
        Message.objects.select_for_update()
        .filter(pk=message_id, owner_id=caller.member_id, box=Message.Box.OUTBOX)
        .exclude(state__in=[Message.State.SENDING, Message.State.USED])
        .first()
    )
    if mail is None:
        raise NoSuchMail
    return mail


def letter_of(message: Message) -> Letter:
    """What a stored mail says, checked again. Raises as `letter_checked`."""
    return letter_checked(
        to=message.to, cc=message.cc, subject=message.subject, body=message.body, invitation=message.invitation
    )


def _draft_locked(caller: Caller, draft_id: UUID) -> Message:
    draft = (
        Message.objects.select_for_update()
        .filter(pk=draft_id, owner_id=caller.member_id, box=Message.Box.DRAFTS, state=Message.State.DRAFT)
        .first()
    )
    if draft is None:
        raise NoSuchMail
    return draft


# Sending ----------------------------------------------------------------------------------------------------------


def mail_send(*, caller: Caller, letter: Letter, draft_id: UUID | None = None, key: str = "") -> Message:
    """Send a mail, once for each key; a repetition returns what the first call did. Without a mail server it is kept in
    the mailbox, and laid into the inbox of recipients who are members.

    Args:
        draft_id: the draft that this mail was; it leaves the drafts.

    Raises:
        BadAddress: nobody to write to.
        NoSuchMail: there is no such draft. KeyReused: the key has been used for another mail.
        DeliveryFailed: the mail server did not take it; the mail stays in the outbox.
    """
    if not letter.to:
        raise BadAddress(_("Say to whom the mail should go. Nothing was sent."))
    key = key or _key(caller)
    if smtp_connected():
        return _send_by_smtp(caller, letter, draft_id, key)
    return _keep(caller, letter, draft_id, key)


@transaction.atomic
def _keep(caller: Caller, letter: Letter, draft_id: UUID | None, key: str) -> Message:
    entered = _outgoing(caller, letter, draft_id, key)
    message = Message.objects.select_for_update().get(pk=entered.pk)
    if message.state == Message.State.SENT:
        return message
    if message.state not in delivery.UNTOUCHED:  # a mail server was connected when it was begun
        delivery.settle(message)
        return _sent(message, refused={})
    message.kept_here = True
    _lay_into_inboxes(message)
    return _sent(message, refused={})


def _send_by_smtp(caller: Caller, letter: Letter, draft_id: UUID | None, key: str) -> Message:
    with transaction.atomic():
        entered = _outgoing(caller, letter, draft_id, key)
    message, found = delivery.claim(entered.pk)
    if found == Message.State.SENT:
        return message
    refused: dict[str, str] = {}
    if found in delivery.UNTOUCHED:
        refused = delivery.hand_over(message, sender=_sender(caller), letter=letter).refused
    else:
        delivery.settle(message)
    with transaction.atomic():
        return _sent(message, refused=refused)


def _outgoing(caller: Caller, letter: Letter, draft_id: UUID | None, key: str) -> Message:
    """Enter a mail into the ledger; with it, its draft leaves the drafts."""
    message, made = _entered(caller, letter, box=Message.Box.OUTBOX, state=Message.State.QUEUED, key=key)
    if made and draft_id:
        draft = _draft_locked(caller, draft_id)
        draft.state = Message.State.USED
        draft.save(update_fields=["state"])
    return message


def _sent(message: Message, *, refused: dict[str, str]) -> Message:
    """Close the ledger: runs in the transaction of whoever calls."""
    message.box, message.state, message.error = Message.Box.SENT, Message.State.SENT, ""
    message.refused, message.sent_at = refused, timezone.now()
    message.save(update_fields=["box", "state", "error", "refused", "sent_at", "kept_here"])
    _remember(message)
    details = {"recipients": len(message.recipients), "refused": len(refused), "kept_here": message.kept_here}
    words = {"to": message.recipients, "refused": list(refused)}
    record(action="mail.sent", resource=message, details=details, words=words)
    return message


def _entered(
    caller: Caller, letter: Letter, *, box: Message.Box, state: Message.State, key: str
) -> tuple[Message, bool]:
    """Return the row of this key, and whether it is new."""
    request = _digest(caller, letter)
    found = Message.objects.filter(idempotency_key=key).first()
    if found is None:
        try:
            with transaction.atomic():
                return _created(caller, letter, box=box, state=state, key=key, request=request), True
        except IntegrityError:  # somebody with the same key was faster
            found = Message.objects.filter(idempotency_key=key).first()
            if found is None:
                raise
    if found.request_digest != request:
        raise KeyReused
    return found, False


def _created(
    caller: Caller, letter: Letter, *, box: Message.Box, state: Message.State, key: str, request: str
) -> Message:
    domain = ascii_domain(_sender(caller).envelope.rpartition("@")[2])
    return Message.objects.create(
        owner_id=caller.member_id,
        box=box,
        state=state,
        sender_name=one_line(caller.name, limit=NAME_LIMIT),
        sender=caller.email,
        to=list(letter.to),
        cc=list(letter.cc),
        subject=letter.subject,
        body=letter.body,
        invitation=letter.invitation,
        rfc_message_id=message_id(organization_id=caller.organization_id, key=key, domain=domain),
        idempotency_key=key,
        request_digest=request,
    )


def _sender(caller: Caller) -> Sender:
    """An account that is no address (some servers sign in by a name) cannot be written from."""
    account = settings.SMTP_USER if smtp_connected() and "@" in settings.SMTP_USER else ""
    return Sender(name=caller.name, email=caller.email, account=account)


def _lay_into_inboxes(message: Message) -> None:
    """Recipients who are members read it in their own mailbox."""
    wanted = [address.lower() for address in message.recipients]
    members = Membership.objects.filter(left_at__isnull=True, user__email__in=wanted)
    Message.objects.bulk_create(
        Message(
            owner_id=member.id,
            box=Message.Box.INBOX,
            state=Message.State.RECEIVED,
            sender_name=message.sender_name,
            sender=message.sender,
            to=message.to,
            cc=message.cc,
            subject=message.subject,
            body=message.body,
            invitation=message.invitation,
            rfc_message_id=message.rfc_message_id,
            kept_here=True,
            sent_at=timezone.now(),
        )
        for member in members
    )


def _key(caller: Caller) -> str:
    """A client may send a key of any length."""
    key = caller.idempotency_key or str(uuid7())
    return key if len(key) <= KEY_LIMIT else hashlib.sha256(key.encode()).hexdigest()


def _digest(caller: Caller, letter: Letter) -> str:
    parts = {name: list(part) if isinstance(part, tuple) else part for name, part in asdict(letter).items()}
    return digest({"member": str(caller.member_id), **parts})


# Reading and people -----------------------------------------------------------------------------------------------


def message_mark_read(*, caller: Caller, message_id: UUID) -> None:
    """Remember that the owner has opened a received mail."""
    Message.objects.filter(
        pk=message_id, owner_id=caller.member_id, box=Message.Box.INBOX, read_at__isnull=True
    ).update(read_at=timezone.now())


def contact_add(*, email: str, name: str = "") -> Contact:
    """Keep somebody in the organization's directory; a name replaces an empty or older one.

    Raises:
        BadAddress.
    """
    address, label = clean_address(email).lower(), one_line(name, limit=NAME_LIMIT)
    with transaction.atomic():
        contact, made = Contact.objects.get_or_create(email=address, defaults={"name": label})
        if label and not made and contact.name != label:
            contact.name = label
            contact.save(update_fields=["name"])
    return contact


def _remember(message: Message) -> None:
    """Keep new recipients as contacts, with the names that the invitation gives them."""
    names = _names(message.invitation)
    Contact.objects.bulk_create(
        [
            Contact(email=address.lower(), name=next((n for e, n in names.items() if same(e, address)), ""))
            for address in message.recipients
        ],
        ignore_conflicts=True,
    )


def _names(invitation: str) -> dict[str, str]:
    if not invitation:
        return {}
    guests = read_invitation(invitation).attendees
    named = [guest for guest in guests if guest.name and not same(guest.name, guest.email)]
    return {guest.email: guest.name[:NAME_LIMIT] for guest in named}
