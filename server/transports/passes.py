"""What a process tells another about a request that it forwards: who sent it, and how often it was.

The pass stands in a header, signed by a key that only the installation has. So origin checks
and limits hold as if the client had reached the other process itself. It is good for that one
request: whoever has seen it cannot put it on another.
"""

import hashlib
import hmac
from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from server.core.clock import Clock

HEADER = "X-Hushwire-Pass"

GOOD_FOR_MS = 60_000
"""More than the clocks of two machines differ, if they are set at all."""


class Hop(StrEnum):
    """The last way by which a request came."""

    CLIENT = "client"
    NODE = "node"
    """From another machine; it may go on to its process here."""
    SOCKET = "socket"
    """From another process of this machine; it goes no further."""


class Pass(Struct, frozen=True):
    """Who sent a request that was forwarded.

    Attributes:
        address: At the other end of the connection that it came by.
    """

    hop: Hop
    address: str
    is_secure: bool


class Asked(Protocol):
    """The head of a request, whoever has read it."""

    @property
    def method(self) -> str: ...

    @property
    def raw_path(self) -> str:
        """Path and query as they were sent; bytes that are no text are surrogates."""

    @property
    def headers(self) -> Mapping[str, str]: ...


class Passes:
    """Writes and reads passes.

    Args:
        key: The same in all processes of the installation.
    """

    def __init__(self, key: bytes, clock: Clock) -> None:
        self._key = key
        self._clock = clock

    def write(self, one: Pass, method: str, raw_path: str) -> str:
        """The value of the header of a request for `raw_path`, as the other will read that."""
        said = f"{one.hop} {one.address} {int(one.is_secure)} {self._clock.now_ms()}"
        return f"{said} {self._signature(said, method, raw_path)}"

    def read(self, asked: Asked) -> Pass | None:
        """The pass of a request; None if it has none that is good for it."""
        said, _, signature = asked.headers.get(HEADER, "").rpartition(" ")
        expected = self._signature(said, asked.method, asked.raw_path)
        if not hmac.compare_digest(signature.encode(errors="surrogateescape"), expected.encode()):
            return None
        hop, address, is_secure, written_ms = said.split(" ")
        if abs(self._clock.now_ms() - int(written_ms)) > GOOD_FOR_MS:
            return None
        return Pass(Hop(hop), address, is_secure == "1")

    def _signature(self, said: str, method: str, raw_path: str) -> str:
        # In one way only: neither a method nor a path has a space in it.
        text = f"{method} {raw_path} {said}".encode(errors="surrogateescape")
        return hmac.digest(self._key, text, hashlib.sha256).hex()
