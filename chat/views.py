"""Chat's pages and fragments."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.contracts import Actor
from accounts.middleware import request_actor
from agents.orchestrator import examples
from agents.run_cards import RunCard, cards_of
from chat.models import Message
from chat.selectors import conversation_get, conversations_list, message_get, messages_of
from chat.services import conversations
from jarvis_site.kernel.errors import Invalid

LISTED = 60


@require_safe
def conversation_list(request: HttpRequest, slug: str) -> HttpResponse:
    """A new conversation: the composer, what can be said, and the list beside it."""
    context = _list_context(request) | {"examples": examples(), "start_url": reverse("chat:new", args=[slug])}
    return render(request, "chat/start.html", context)


@require_safe
def items(request: HttpRequest, slug: str) -> HttpResponse:  # noqa: ARG001 - the scope was opened from it
    """The list of conversations, as a fragment."""
    return render(request, "chat/conversation_list.html#items", _list_context(request))


@require_POST
def conversation_new(request: HttpRequest, slug: str) -> HttpResponse:
    """Start a conversation with its first message."""
    actor = request_actor(request)
    text = request.POST.get("text", "")
    conversation = conversations.conversation_create(actor=actor)
    conversations.message_send(
        conversation_id=conversation.id, actor=actor, text=text, client_id=_client_id(request)
    )
    return redirect("chat:detail", slug=slug, conversation_id=conversation.id)


@require_safe
def conversation_detail(request: HttpRequest, slug: str, conversation_id: UUID) -> HttpResponse:  # noqa: ARG001
    actor = request_actor(request)
    conversation = conversation_get(conversation_id=conversation_id, actor=actor)
    turns = list(messages_of(conversation=conversation))
    _with_cards(turns, actor)
    conversations.conversation_read(conversation_id=conversation.id, actor=actor, number=conversation.number)
    context = _list_context(request) | {
        "conversation": conversation,
        "turns": turns,
        "writing": any(turn.state == "writing" for turn in turns),
    }
    return render(request, "chat/conversation.html", context)


@require_safe
def turn(request: HttpRequest, slug: str, conversation_id: UUID, message_id: UUID) -> HttpResponse:  # noqa: ARG001
    """One turn, as a fragment."""
    actor = request_actor(request)
    conversation = conversation_get(conversation_id=conversation_id, actor=actor)
    message = message_get(message_id=message_id, conversation=conversation)
    _with_cards([message], actor)
    context = {"turn": message, "conversation": conversation}
    return render(request, "chat/conversation.html#turn", context)


@require_POST
def message_send(request: HttpRequest, slug: str, conversation_id: UUID) -> HttpResponse:
    actor = request_actor(request)
    message = conversations.message_send(
        conversation_id=conversation_id,
        actor=actor,
        text=request.POST.get("text", ""),
        client_id=_client_id(request),
    )
    if request.headers.get("Accept", "").startswith("text/vnd.turn"):
        conversation = conversation_get(conversation_id=conversation_id, actor=actor)
        return render(request, "chat/conversation.html#turn", {"turn": message, "conversation": conversation})
    return _to_end(slug, conversation_id)


@require_POST
def reply_stop(request: HttpRequest, slug: str, conversation_id: UUID) -> HttpResponse:
    conversations.reply_stop(conversation_id=conversation_id, actor=request_actor(request))
    return _to_end(slug, conversation_id)


@require_POST
def reply_again(request: HttpRequest, slug: str, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    conversations.reply_again(message_id=message_id, actor=request_actor(request))
    return _to_end(slug, conversation_id)


def _list_context(request: HttpRequest) -> dict[str, Any]:
    query = request.GET.get("q", "").strip()[:100]
    found = conversations_list(actor=request_actor(request), query=query)
    return {"conversations": list(found[:LISTED]), "query": query}


def _with_cards(turns: list[Message], actor: Actor) -> None:
    """Give each turn that carries a run the card of that run, with a constant number of queries."""
    cards: dict[UUID, RunCard] = cards_of(run_ids=[turn.run_id for turn in turns if turn.run_id], actor=actor)
    for item in turns:
        item.card = cards.get(item.run_id) if item.run_id else None  # type: ignore[attr-defined]


def _client_id(request: HttpRequest) -> UUID | None:
    value = request.POST.get("client_id", "")
    try:
        return UUID(value) if value else None
    except ValueError:
        raise Invalid from None


def _to_end(slug: str, conversation_id: UUID) -> HttpResponseRedirect:
    return redirect(reverse("chat:detail", args=[slug, conversation_id]) + "#end")
