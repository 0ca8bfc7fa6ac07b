"""The record of what was decided and done: append-only rows, written in the transaction of the act itself."""

from jarvis_site.audit.recording import pseudonym, record

__all__ = ["pseudonym", "record"]
