"""Jobs of accounts."""

from jarvis_site.kernel.jobs import declare

# A mail server may be away for a while; an invitation is worth an hour of trying.
INVITATION_MAIL = declare("accounts.invitation_mail", max_attempts=16, lease_seconds=60)
# Name servers either answer within seconds or not today; people can ask for another look.
DOMAIN_CHECK = declare("accounts.domain_check", max_attempts=5, lease_seconds=30)
# The daily look: when nobody answers it ends without an error, so a second try is for a worker that was killed.
DOMAIN_LOOK = declare("accounts.domain_look", max_attempts=2, lease_seconds=30)
# Both write as they go and begin again after a crash; a full disk, or a table that is locked for long, may take a while
# to be put right.
EXPORT = declare("accounts.export", max_attempts=6, lease_seconds=30)
ERASE = declare("accounts.erase", max_attempts=12, lease_seconds=30)
# The next try also puts on record what one that was killed has deleted; after these a tick starts it again.
CLEAN_UP = declare("accounts.clean_up", max_attempts=6, lease_seconds=30)
