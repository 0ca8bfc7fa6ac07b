"""The durable engine. It moves steps; it knows no model, no MCP and no web.

Truth is in PostgreSQL. A step is claimed by a conditional update that raises its attempt (the fencing token), under
the row lock of its run, which serialises the run's transitions. While the call is out, no transaction is open and a
heartbeat extends the lease. A lease that ran out is taken back by the sweeper. Celery carries only nudges.
"""
