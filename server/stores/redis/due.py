"""Under which tags something may be due, so that not all of them are asked twice a second."""

import asyncio
from collections.abc import Collection, Iterator
from contextlib import contextmanager

_SWEEP_MS = 10_000
"""So often all tags are asked: processes that have ended knew of more."""


class Due:
    """When something may be due, as far as this process knows: what it did itself.

    Each process looks after what it has made due. What one leaves undone, the
    others find within ten seconds.

    Attributes:
        asked: Held while tags are asked: whoever comes meanwhile would find them gone from here.
    """

    def __init__(self, tags: Collection[str]) -> None:
        self._tags = tags
        self._at_ms: dict[str, int] = {}
        self._swept_ms: int | None = None
        self.asked = asyncio.Lock()

    def expect(self, tag: str, at_ms: int) -> None:
        """Have a tag asked at that time, or before."""
        self._at_ms[tag] = min(at_ms, self._at_ms.get(tag, at_ms))

    @contextmanager
    def expecting(self, tag: str, at_ms: int) -> Iterator[None]:
        """Have a tag asked once something was done there, even if it failed.

        Before that it would be asked in vain, and not again for ten seconds.
        """
        try:
            yield
        finally:
            self.expect(tag, at_ms)

    def expect_all(self, tags: Collection[str], at_ms: int) -> None:
        for tag in tags:
            self.expect(tag, at_ms)

    def asking(self, now_ms: int) -> list[str]:
        """Those to be asked now, of which nothing is expected until it is said anew."""
        if self._swept_ms is None or abs(now_ms - self._swept_ms) >= _SWEEP_MS:
            self._swept_ms = now_ms
            self.expect_all(self._tags, now_ms)
        due = [tag for tag, at_ms in self._at_ms.items() if at_ms <= now_ms]
        for tag in due:
            del self._at_ms[tag]
        return due
