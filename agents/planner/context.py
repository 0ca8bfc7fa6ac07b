"""What the skills may ask while they build steps: times, lengths and people of one request."""

from __future__ import annotations

from collections.abc import Mapping

from agents.contracts import Moment, Person, PlanRequest
from agents.planner.moments import read_minutes, read_moment
from agents.planner.people import addresses, whom


class Context:
    """The `SkillContext` of the local planner.

    Attributes:
        read_times: whether a time has been read: the plan then shows it back for the person to check.
    """

    def __init__(self, request: PlanRequest, *, words: str, meant: Mapping[str, str]) -> None:
        self.request = request
        self.read_times = False
        self._written = addresses(words)
        self._meant = meant

    def moment(self, text: str) -> Moment | None:
        """Read a time. None when the text names none.

        Raises:
            BadMoment: the text names a time that does not exist.
        """
        found = read_moment(text, now=self.request.now)
        self.read_times = self.read_times or found is not None
        return found

    def duration_minutes(self, text: str) -> int | None:
        """Read a length of time in minutes. None when the text names none."""
        return read_minutes(text, now=self.request.now)

    def people(self, text: str) -> tuple[Person, ...]:
        """Whom a name or an address can mean; an address that nobody has is a person of its own."""
        request = self.request
        return whom(text, speaker=request.person, known=request.people, written=self._written, meant=self._meant)
