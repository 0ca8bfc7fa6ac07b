"""Panic stops."""

from __future__ import annotations

from enum import StrEnum


class StopKind(StrEnum):
    """What is stopped: one run, everything for a person, on a device, or of the whole organization."""

    RUN = "run"
    MEMBER = "member"
    DEVICE = "device"
    ORGANIZATION = "organization"
