"""Chat's pages and fragments. Programs (the page's own scripts) ask for JSON and get no redirects."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.contracts import Actor
from accounts.middleware import request_actor
from agents.orchestrator import examples
from agents.run_cards import RunCard, cards_of
from chat.contracts import MessageState
from chat.models import Conversation, Message
from chat.selectors import (
    conversation_get,
    conversations_list,
    conversations_marked,
    message_get,
    messages_of,
    runs_of,
    writing,
)
from chat.services import conversations
from chat.services.conversations import LONGEST_MESSAGE, receipt
from jarvis_site.kernel.errors import Invalid
from jarvis_site.kernel.errors.middleware import wants_json

LISTED = 60
LONGEST_QUERY = 100
# Which runs the strip above the composer looks at: older ones are finished or forgotten, and have their own page.
STRIP_RUNS = 5


@require_safe
def start(request: HttpRequest, slug: str) -> HttpResponse:  # noqa: ARG001 - the scope was opened from it
    """A new conversation: the composer, what can be said, and the list beside it."""
    said = request.GET.get("say", "")[:LONGEST_MESSAGE]
    context = _list_context(request) | {"examples": examples(), "said": said}
    return render(request, "chat/start.html", context)


@require_safe
def items(request: HttpRequest, slug: str) -> HttpResponse:  # noqa: ARG001
    """The list of conversations: a page of its own, or its rows for a script."""
    fragment = "HX-Request" in request.headers
    template = "chat/conversation_list.html#items" if fragment else "chat/conversation_list.html"
    return render(request, template, _list_context(request) | {"current": request.GET.get("current", "")})


@require_POST
def conversation_new(request: HttpRequest, slug: str) -> HttpResponse:
    """Start a conversation with its first message."""
    conversation = conversations.conversation_start(
        actor=request_actor(request), text=request.POST.get("text", ""), client_id=_client_id(request)
    )
    address = reverse("chat:detail", args=[slug, conversation.id])
    return JsonResponse({"url": address}, status=201) if wants_json(request) else redirect(address)


@require_safe
def conversation_detail(request: HttpRequest, slug: str, conversation_id: UUID) -> HttpResponse:  # noqa: ARG001
    actor = request_actor(request)
    conversation = conversation_get(conversation_id=conversation_id, actor=actor)
    turns = list(messages_of(conversation=conversation))
    cards = _with_cards(turns, actor)
    conversations.conversation_read(conversation_id=conversation.id, actor=actor, number=conversation.number)
    context = _list_context(request) | {
        "conversation": conversation,
        "current": str(conversation.id),
        "turns": turns,
        "writing": any(turn.state == MessageState.WRITING for turn in turns),
        "strip": _unfinished(turns, cards),
    }
    return render(request, "chat/conversation.html", context)


@require_safe
def turn(request: HttpRequest, slug: str, conversation_id: UUID, message_id: UUID) -> HttpResponse:  # noqa: ARG001
    """One turn as it is now, with the strip and the composer's state that belong to it."""
    actor = request_actor(request)
    conversation = conversation_get(conversation_id=conversation_id, actor=actor)
    message = message_get(message_id=message_id, conversation=conversation)
    recent = list(runs_of(conversation=conversation)[:STRIP_RUNS])
    cards = _with_cards([*recent, message], actor)
    context = {
        "turn": message,
        "conversation": conversation,
        "strip": _unfinished(recent[::-1], cards),
        "writing": writing(conversation=conversation),
    }
    return render(request, "chat/conversation.html#update", context)


@require_POST
def message_send(request: HttpRequest, slug: str, conversation_id: UUID) -> HttpResponse:
    message = conversations.message_send(
        conversation_id=conversation_id,
        actor=request_actor(request),
        text=request.POST.get("text", ""),
        client_id=_client_id(request),
    )
    if wants_json(request):
        return JsonResponse(receipt(message), status=201)
    return _to_end(slug, conversation_id)


@require_POST
def reply_stop(request: HttpRequest, slug: str, conversation_id: UUID) -> HttpResponse:
    conversations.reply_stop(conversation_id=conversation_id, actor=request_actor(request))
    return HttpResponse(status=204) if wants_json(request) else _to_end(slug, conversation_id)


@require_POST
def reply_again(request: HttpRequest, slug: str, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    conversations.reply_again(message_id=message_id, actor=request_actor(request))
    return HttpResponse(status=204) if wants_json(request) else _to_end(slug, conversation_id)


def _list_context(request: HttpRequest) -> dict[str, Any]:
    actor = request_actor(request)
    query = request.GET.get("q", "").strip().replace("\0", "")[:LONGEST_QUERY]
    found: list[Conversation] = list(conversations_list(actor=actor, query=query)[:LISTED])
    return {"listed": conversations_marked(conversations=found, actor=actor), "query": query}


def _with_cards(turns: list[Message], actor: Actor) -> dict[UUID, RunCard]:
    """Give each run's card to the turn that spoke of it last, with a constant number of queries."""
    last = {turn.run_id: turn.id for turn in sorted(turns, key=lambda turn: turn.position) if turn.run_id}
    cards = cards_of(run_ids=last, actor=actor)
    for item in turns:
        newest = item.run_id is not None and last[item.run_id] == item.id
        item.card = cards.get(item.run_id) if newest and item.run_id else None  # type: ignore[attr-defined]  # for the template
        item.card_below = item.run_id in cards and not newest  # type: ignore[attr-defined]  # for the template
    return cards


def _unfinished(turns: list[Message], cards: dict[UUID, RunCard]) -> RunCard | None:
    """The newest run of these turns that is not over."""
    newest_first = (cards[turn.run_id] for turn in reversed(turns) if turn.run_id in cards)
    return next((card for card in newest_first if not card.over), None)


def _client_id(request: HttpRequest) -> UUID | None:
    value = request.POST.get("client_id", "")
    try:
        return UUID(value) if value else None
    except ValueError:
        raise Invalid from None


def _to_end(slug: str, conversation_id: UUID) -> HttpResponse:
    return redirect(reverse("chat:detail", args=[slug, conversation_id]) + "#end")
