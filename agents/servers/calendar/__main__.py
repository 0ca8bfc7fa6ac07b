from agents.servers.base.run import main

main("agents.servers.calendar")
