"""Work on runs that takes longer than a transaction."""

from jarvis_site.kernel.jobs import declare

# A model may take a minute to answer; two tries, because whatever it says a third time nobody waits for.
REPLAN = declare("agents.replan", max_attempts=2, lease_seconds=120)
# One after the other over many runs; what a crash interrupts goes on where it was.
BATCH = declare("agents.batch", max_attempts=5)
