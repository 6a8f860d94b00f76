"""The bytes that all live rooms of a process may hold together."""

from server.stores import refusals


class Space:
    """What is there to be held, and how much of it is."""

    __slots__ = ("held_bytes", "limit_bytes")

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.held_bytes = 0

    def check(self, added_bytes: int) -> None:
        """See whether so much more can be held.

        Raises:
            AppError: SERVER_FULL.
        """
        if added_bytes > 0 and self.held_bytes + added_bytes > self.limit_bytes:
            raise refusals.space_full()


class Share:
    """What one store holds of a space."""

    __slots__ = ("held_bytes", "space")

    def __init__(self, space: Space) -> None:
        self.space = space
        self.held_bytes = 0

    def add(self, size_bytes: int) -> None:
        """Hold so much more, or less."""
        self.held_bytes += size_bytes
        self.space.held_bytes += size_bytes
