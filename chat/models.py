"""Conversations and their messages.

Every change of a conversation takes the next number from `Conversation.number` and stamps it on the message it
changed. A client that has number N asks for the messages stamped higher: that is all it missed.
"""

from uuid import UUID

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Now

from chat.contracts import Author, MessageState
from jarvis_site.kernel.tenancy.constraints import TenantFK, TenantPolicy
from jarvis_site.kernel.tenancy.models import TenantForeignKey, TenantModel


class Conversation(TenantModel):
    member = TenantForeignKey("accounts.Membership", on_delete=models.PROTECT, related_name="+")
    title = models.CharField(max_length=120, blank=True)
    number = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())
    read_number = models.PositiveBigIntegerField(default=0)

    class Meta(TenantModel.Meta):
        constraints = [*TenantModel.Meta.constraints[:-1], TenantPolicy(search=True), TenantFK("member")]
        indexes = [models.Index(fields=["organization", "member", "-changed_at"], name="chat_conversation_newest")]

    member_id: UUID

    def __str__(self) -> str:
        return self.title


class Message(TenantModel):
    """One turn.

    Attributes:
        position: order within the conversation.
        number: of the conversation's last change to this message.
        client_id: chosen by the browser, so that sending again stores nothing twice.
        answers: the person's message that this reply answers; one reply each.
        writer: token of the job that writes this reply; a job with an older token is refused.
        options: answers offered for one click.
        resume: what the planner wants back with the answer; opaque.
    """

    conversation = TenantForeignKey(Conversation, on_delete=models.CASCADE, related_name="messages")
    position = models.PositiveBigIntegerField()
    number = models.PositiveBigIntegerField()
    author = models.CharField(max_length=10, choices=[(author.value, author.value) for author in Author])
    state = models.CharField(max_length=10, choices=[(state.value, state.value) for state in MessageState])
    text = models.TextField(blank=True)
    client_id = models.UUIDField(null=True)
    answers = TenantForeignKey("self", on_delete=models.CASCADE, related_name="+", null=True)
    writer = models.UUIDField(null=True)
    run_id = models.UUIDField(null=True)
    options = models.JSONField(default=list)
    resume = models.JSONField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints[:-1],
            TenantPolicy(search=True),
            TenantFK("conversation"),
            TenantFK("answers"),
            models.UniqueConstraint(fields=["organization", "conversation", "position"], name="chat_message_position"),
            models.UniqueConstraint(
                fields=["organization", "conversation", "client_id"], name="chat_message_sent_once"
            ),
            models.UniqueConstraint(fields=["organization", "answers"], name="chat_message_one_reply"),
        ]
        indexes = [
            models.Index(fields=["organization", "conversation", "number"], name="chat_message_changes"),
            models.Index(fields=["organization", "run_id"], name="chat_message_run"),
            # For `search_conversations`. A reply that is being written changes several times a second: not yet in it.
            GinIndex(
                fields=["organization", "text"],
                opclasses=["uuid_ops", "gin_trgm_ops"],
                name="chat_message_words",
                condition=~models.Q(state=MessageState.WRITING),
            ),
        ]

    conversation_id: UUID

    @property
    def is_mine(self) -> bool:
        return self.author == Author.PERSON
