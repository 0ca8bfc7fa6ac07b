"""What may be done in conversations."""

from django.utils.translation import gettext_lazy

from accounts.access import EVERYBODY, declare

CHAT_READ = declare("chat.read", gettext_lazy("read one's own conversations"), EVERYBODY)
CHAT_WRITE = declare("chat.write", gettext_lazy("tell Jarvis what to do"), EVERYBODY)
