"""Figures with the command that makes them: `make bench`. They are printed, never asserted."""
