"""The transcript of who saw what, and the verdicts."""

import textwrap
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

_AT_FIRST = {"time": 7, "from": 7, "to": 5}
_PEOPLE_CHARS = 60
_AT_LAST = {"the server saw": 32}
_GAP = "  "
_WIDTH = 121
_MARKS = {True: "PASS", False: "FAIL", None: "----"}


@dataclass
class Row:
    """One thing that happened, as each side saw it."""

    at_s: float
    sender: str
    to: str
    saw: dict[str, str] = field(default_factory=dict)

    def cells(self, people: Iterable[str]) -> tuple[str, ...]:
        saw = (self.saw.get(who.lower(), "-") for who in (*people, "server"))
        return (f"{self.at_s:.3f}s", self.sender, self.to, *saw)


@dataclass(frozen=True)
class Verdict:
    """What was looked into; `passed` is None where it could not be."""

    passed: bool | None
    about: str
    detail: str


@dataclass
class Record:
    """Rows and verdicts, as they come.

    Attributes:
        hide: Takes planted text out of what is printed.
        people: Of whom there are columns.
        verdicts: By the heading under which they stand.
    """

    hide: Callable[[str], str]
    people: tuple[str, ...] = ("Alice", "Bob")
    rows: list[Row] = field(default_factory=list)
    verdicts: dict[str, list[Verdict]] = field(default_factory=dict)
    _started: float = field(default_factory=time.monotonic)
    _began: datetime = field(default_factory=lambda: datetime.now().astimezone())

    def row(self, sender: str, to: str = "", **saw: str) -> Row:
        """Begin a row, now; who saw what may be filled in as it becomes known."""
        row = Row(time.monotonic() - self._started, sender, to, saw)
        self.rows.append(row)
        return row

    def begin(self, heading: str) -> None:
        """Put the verdicts that follow under a heading."""
        self.verdicts[heading] = []

    def expect(self, about: str, seen: object, expected: object, claim: str) -> None:
        """Note that the claim holds if both are equal; else what was seen instead."""
        is_equal = seen == expected
        self.check(about, is_equal, claim if is_equal else f"{claim}: no, {seen} ≠ {expected}")

    def check(self, about: str, passed: bool, detail: str) -> None:
        self._add(Verdict(passed, about, detail))

    def not_looked_at(self, about: str, why: str) -> None:
        self._add(Verdict(None, about, f"not looked at: {why}"))

    def count(self, passed: bool | None) -> int:
        return sum(one.passed is passed for group in self.verdicts.values() for one in group)

    def _add(self, verdict: Verdict) -> None:
        next(reversed(self.verdicts.values())).append(verdict)

    def render(self, title: str, notes: Iterable[str]) -> str:
        widths = self._widths()
        rows = [tuple(map(self.hide, row.cells(self.people))) for row in self.rows]
        lines = [
            f"{title}, {self._began:%Y-%m-%d %H:%M:%S %Z}",
            "",
            *_wrapped(tuple(widths), widths.values()),
            _GAP.join("-" * width for width in widths.values()),
            *(line for row in rows for line in _wrapped(row, widths.values())),
            "",
            *(_paragraph(note) for note in notes),
            *(line for heading in self.verdicts for line in self._verdict_lines(heading)),
            "",
            self._summary(),
        ]
        return "\n".join(lines)

    def _widths(self) -> dict[str, int]:
        """Of the columns, in characters."""
        each = _PEOPLE_CHARS // len(self.people)
        return {**_AT_FIRST, **{f"{who} saw": each for who in self.people}, **_AT_LAST}

    def _verdict_lines(self, heading: str) -> list[str]:
        return [
            "",
            heading,
            *(
                _paragraph(self.hide(one.detail), f"  {_MARKS[one.passed]}  {one.about:16} ")
                for one in self.verdicts[heading]
            ),
        ]

    def _summary(self) -> str:
        passed, failed, unseen = map(self.count, (True, False, None))
        said = f"{passed} of {passed + failed} passed"
        if unseen:
            said += f", {unseen} not looked at"
        return f"{'FAIL' if failed else 'PASS'}: {said}"


def glimpse(ciphertext: str) -> str:
    """How a ciphertext is shown: by its end, since many begin alike."""
    return f"…{ciphertext[-12:]} {len(ciphertext):,} B"


def _wrapped(cells: tuple[str, ...], widths: Iterable[int]) -> list[str]:
    """The cells under their headings, over as many lines as the longest needs."""
    widths = tuple(widths)
    columns = [
        textwrap.wrap(cell, width) or [""] for cell, width in zip(cells, widths, strict=True)
    ]
    height = max(map(len, columns))
    filled = [column + [""] * (height - len(column)) for column in columns]
    return [
        _GAP.join(part.ljust(width) for part, width in zip(parts, widths, strict=True)).rstrip()
        for parts in zip(*filled, strict=True)
    ]


def _paragraph(text: str, head: str = "") -> str:
    return textwrap.fill(text, _WIDTH, initial_indent=head, subsequent_indent=" " * len(head))
