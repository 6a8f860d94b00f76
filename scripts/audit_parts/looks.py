"""What was looked at, and what was found there."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from scripts.audit_parts.forms import Trace
from scripts.audit_parts.search import Search

FOUND = 1
INCOMPLETE = 2


@dataclass
class Look:
    """At one place.

    Attributes:
        what: Of which kind it is.
        where: Which one, without passwords.
        detail: How much of it there was.
        problem: Why it was not looked at, or not at all of it.
        is_wanted: Whether somebody asked for it.
    """

    what: str
    where: str = ""
    detail: str = ""
    size_bytes: int = 0
    found: set[Trace] = field(default_factory=set)
    problem: str | None = None
    is_wanted: bool = True

    def take(self, search: Search) -> "Look":
        """Count in what a search has seen."""
        search.finish()
        self.size_bytes += search.size_bytes
        found = self.found | search.found
        # Of what is found whole, the halves are no news.
        self.found = {one for one in found if one.whole is one or one.whole not in found}
        self.problem = self.problem or search.problem
        return self

    def line(self) -> str:
        """For the operator; names secrets by their labels alone."""
        seen = f"{self.detail}, " if self.detail else ""
        parts = [f"{seen}{self.size_bytes:,} bytes"] if self.size_bytes or not self.problem else []
        parts += [f"{label} as {form}" for label, form in sorted(self.found)]
        if self.problem:
            parts.append(f"not {'all of it ' if parts else ''}looked at: {self.problem}")
        return f"{self._mark()}  {f'{self.what} {self.where}'.strip()}: {'; '.join(parts)}"

    def _mark(self) -> str:
        if self.found:
            return "FOUND"
        if not self.is_wanted:
            return "-----"
        return "?????" if self.problem else "clean"


def not_asked(what: str, why: str) -> Look:
    """A place that nobody asked to be looked at."""
    return Look(what, problem=why, is_wanted=False)


def status_of(looks: Iterable[Look]) -> int:
    """The exit status: 0 if nothing was found, 1 if something was, 2 if it cannot be told."""
    looks = list(looks)
    if any(one.found for one in looks):
        return FOUND
    return INCOMPLETE if any(one.problem and one.is_wanted for one in looks) else 0
