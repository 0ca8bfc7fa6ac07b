"""`python -m agents.servers.mail`: the mail tools alone, over stdio or HTTP."""

from agents.servers.base.run import main

main("agents.servers.mail")
