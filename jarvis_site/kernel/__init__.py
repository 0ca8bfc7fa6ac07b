"""The floor all apps stand on: tenancy, events, jobs, realtime, errors, clock, ids. It imports no app."""
