"""How much comes from one connection within a second, of whatever kind it is."""

MAX_A_SECOND = 5_000
"""Packets, or frames: several times what events and their attachments need."""


class Flood:
    """What came within the current second."""

    __slots__ = ("_count", "_since_s")

    def __init__(self) -> None:
        self._count = 0
        self._since_s = 0.0

    def is_over(self, count: int, now_s: float) -> bool:
        """Count; whether it is too much."""
        if now_s - self._since_s >= 1:
            self._count, self._since_s = 0, now_s
        self._count += count
        return self._count > MAX_A_SECOND
