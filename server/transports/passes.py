"""What a process tells another about a request that it forwards: who sent it, and how often it was.

The pass stands in a header, signed by a key that only the installation has. So origin checks
and limits hold as if the client had reached the other process itself.
"""

import hashlib
import hmac
from collections.abc import Mapping
from enum import StrEnum

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


class Passes:
    """Writes and reads passes.

    Args:
        key: The same in all processes of the installation.
    """

    def __init__(self, key: bytes, clock: Clock) -> None:
        self._key = key
        self._clock = clock

    def write(self, one: Pass) -> str:
        """The value of the header."""
        said = f"{one.hop} {one.address} {int(one.is_secure)} {self._clock.now_ms()}"
        return f"{said} {self._signature(said)}"

    def read(self, headers: Mapping[str, str]) -> Pass | None:
        """The pass of a request; None if it has none that is good."""
        said, _, signature = headers.get(HEADER, "").rpartition(" ")
        if not said or not hmac.compare_digest(
            signature.encode(errors="surrogateescape"), self._signature(said).encode()
        ):
            return None
        hop, address, is_secure, written_ms = said.split(" ")
        if abs(self._clock.now_ms() - int(written_ms)) > GOOD_FOR_MS:
            return None
        return Pass(Hop(hop), address, is_secure == "1")

    def _signature(self, said: str) -> str:
        text = said.encode(errors="surrogateescape")
        return hmac.digest(self._key, text, hashlib.sha256).hex()
