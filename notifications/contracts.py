"""Plain shapes of notifications."""

from enum import StrEnum

from django.utils.translation import gettext_lazy as _

from accounts import access


class Matter(StrEnum):
    """What somebody can be told about; they choose how for each."""

    APPROVALS = "approvals"
    QUESTIONS = "questions"
    REMINDERS = "reminders"
    COPIES = "copies"
    JOINING = "joining"
    DOMAINS = "domains"
    LIMITS = "limits"


class How(StrEnum):
    NOT = "not"
    BELL = "bell"
    MAIL = "mail"


MATTERS = {
    Matter.APPROVALS: _("Something waits for your approval"),
    Matter.QUESTIONS: _("A run asks you something"),
    Matter.REMINDERS: _("A reminder is due"),
    Matter.COPIES: _("A copy of data is ready"),
    Matter.JOINING: _("Somebody asks to join"),
    Matter.DOMAINS: _("The record of an e-mail domain is gone"),
    Matter.LIMITS: _("A run was stopped because its time was over"),
}
WAYS = {
    How.BELL: _("In the bell"),
    How.MAIL: _("In the bell and by mail"),
    How.NOT: _("Not at all"),
}
# Only those who may do this are ever told.
NEEDS = {
    Matter.APPROVALS: access.CONTENT_USE,
    Matter.QUESTIONS: access.CONTENT_USE,
    Matter.REMINDERS: access.CONTENT_USE,
    Matter.LIMITS: access.CONTENT_USE,
    Matter.JOINING: access.MEMBERS_INVITE,
    Matter.DOMAINS: access.SETTINGS_MANAGE,
}
