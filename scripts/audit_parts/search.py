"""Looking for secrets through a stream of bytes, also inside the gzip that is in it."""

import re
import zlib

from scripts.audit_parts.forms import Needles, Trace

PIECE_BYTES = 1 << 20
"""So much is looked through at a time; of more nothing is kept."""

MAX_DEPTH = 2
"""Of gzip inside of gzip."""

MAX_OPEN = 16
"""Of what could be gzip, at a time."""

MAX_UNPACKED_BYTES = 16 << 30
"""Of one piece of gzip."""

_GZIP = re.compile(rb"\x1f\x8b\x08[\x00-\x1f]")
_GZIP_HEAD_BYTES = 4
_AS_GZIP = 31
"""For zlib: with the head of gzip."""


class Search:
    """Looks through what it is fed.

    Attributes:
        size_bytes: How much that was, packed as it came.
        found: Secrets, and their forms; those inside of gzip are called so.
        problem: Why it did not look at everything, if it did not.
    """

    def __init__(self, needles: Needles, depth: int = 0) -> None:
        self.size_bytes = 0
        self.found: set[Trace] = set()
        self.problem: str | None = None
        self._needles = needles
        self._depth = depth
        self._waiting = bytearray()
        self._carried = b""
        self._inside: list[_Inside] = []

    def feed(self, data: bytes) -> None:
        """Look at the next bytes; small ones wait for others."""
        self.size_bytes += len(data)
        self._waiting += data
        if len(self._waiting) >= PIECE_BYTES:
            self._look()

    def feed_value(self, value: bytes) -> None:
        """Look at something that does not go on where the last ended."""
        self.feed(value + b"\0")
        self.size_bytes -= 1

    def finish(self) -> None:
        """Look at the last of it."""
        self._look()
        for one in self._inside:
            self._close(one)
        self._inside.clear()

    def _look(self) -> None:
        for start in range(0, len(self._waiting), PIECE_BYTES):
            self._look_at(bytes(self._waiting[start : start + PIECE_BYTES]))
        self._waiting.clear()

    def _look_at(self, piece: bytes) -> None:
        window = self._carried + piece
        self.found |= self._needles.found_in(window)
        if self._depth < MAX_DEPTH:
            self._unpack(window, piece)
        self._carried = window[-max(self._needles.longest_bytes, _GZIP_HEAD_BYTES) :]

    def _unpack(self, window: bytes, piece: bytes) -> None:
        for one in self._inside:
            one.feed(piece)
        old_bytes = len(window) - len(piece)
        for head in _GZIP.finditer(window, max(0, old_bytes - _GZIP_HEAD_BYTES + 1)):
            one = _Inside(Search(self._needles, self._depth + 1))
            one.feed(window[head.start() :])
            if one.is_over or len(self._inside) < MAX_OPEN:
                self._inside.append(one)
            else:
                self.problem = "more gzip at a time than is unpacked"
        over = [one for one in self._inside if one.is_over]
        self._inside = [one for one in self._inside if not one.is_over]
        for one in over:
            self._close(one)

    def _close(self, one: "_Inside") -> None:
        one.search.finish()
        self.found |= {Trace(label, f"{form}, in gzip") for label, form in one.search.found}
        self.problem = self.problem or one.search.problem


class _Inside:
    """What could be gzip, from its head on."""

    def __init__(self, search: Search) -> None:
        self.search = search
        self.is_over = False
        self._unpacker = zlib.decompressobj(_AS_GZIP)

    def feed(self, data: bytes) -> None:
        while data and not self.is_over:
            try:
                unpacked = self._unpacker.decompress(data, PIECE_BYTES)
            except zlib.error:  # it was none, or it is damaged from here on
                self.is_over = True
                return
            self.search.feed(unpacked)
            data = self._unpacker.unconsumed_tail
            self.is_over = self._unpacker.eof
            if self.search.size_bytes > MAX_UNPACKED_BYTES:
                self.search.problem = "gzip that unpacks to more than is looked through"
                self.is_over = True
