"""How much harm a call can do, by rules. Pure: the same facts give the same answer, with its reasons."""

from permissions.risk.assessing import assess

__all__ = ["assess"]
