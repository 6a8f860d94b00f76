"""Two connections whose bytes go from one to the other, as they come."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

CLOSE_LIMIT_S = 5.0
"""For the one to take what is left when the other is closed."""


class TunnelEnd(asyncio.Protocol):
    """One of the two.

    Args:
        on_end: Called when its connection is gone.
    """

    def __init__(self, on_end: Callable[["TunnelEnd"], None] = lambda _: None) -> None:
        self._on_end = on_end
        self._transport: Any = None
        self._other: TunnelEnd | None = None

    def join(self, other: "TunnelEnd") -> None:
        """Begin; both are connected."""
        self.lead_to(other)
        other.lead_to(self)

    def lead_to(self, other: "TunnelEnd") -> None:
        self._other = other
        if self._transport is None:
            self.connection_lost(None)  # it was, meanwhile

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._other:
            self._other.write(data)

    def write(self, data: bytes) -> None:
        if self._transport and data:
            self._transport.write(data)

    def pause_writing(self) -> None:
        if self._other:
            self._other.hold()

    def resume_writing(self) -> None:
        if self._other:
            self._other.release()

    def hold(self) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.pause_reading()

    def release(self) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        was_open, self._transport = self._transport is not None, None
        other, self._other = self._other, None
        if other:
            other.close()
        if was_open:
            self._on_end(self)

    def close(self) -> None:
        """Send what is left, within a limit, and hang up."""
        if self._transport:
            self._transport.close()
            asyncio.get_running_loop().call_later(CLOSE_LIMIT_S, self.abort)

    def abort(self) -> None:
        if self._transport:
            self._transport.abort()
