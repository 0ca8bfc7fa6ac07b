"""What can go wrong with the embedded services, in one line for a person."""


class LocalError(Exception):
    """A local service could not do what was asked; the message says what happened and what to do."""


class AlreadyRunningError(LocalError):
    """Another supervisor, or another program, already holds what we need."""
