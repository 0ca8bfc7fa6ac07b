"""Jobs of chat."""

from jarvis_site.kernel.jobs import declare

REPLY = declare("chat.reply", max_attempts=5)
