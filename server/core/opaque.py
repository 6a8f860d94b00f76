"""Values that the relay carries without looking inside: ciphertext and public keys."""

from collections.abc import Iterable
from typing import Any

import msgspec

MAX_DEPTH = 32
"""Levels of nesting; deeper values are refused, since every hop walks them recursively."""

_PLACEHOLDER = "_placeholder"


class Opaque:
    """Any JSON value, with binary anywhere in it, that came from a client and goes to another.

    Kept packed: a list of empty lists takes three bytes each on the wire, and sixty as
    Python objects, which would let a hostile client hold far more memory than its bounds say.
    """

    __slots__ = ("_held",)

    def __init__(self, value: Any) -> None:
        """Accept a value as it came off the wire.

        Raises:
            ValueError: It nests too deeply, holds a number beyond 64 bits, or holds a
                `_placeholder` key. Socket.IO clients replace such an object by a binary
                attachment, so relaying one inside of a message would break the connection
                of whoever reads it.
        """
        self._held: str | bytes
        if isinstance(value, str):
            self._held = value
            return
        _check(value)
        try:
            self._held = msgspec.msgpack.encode(value)
        except OverflowError:
            raise ValueError("holds a number beyond 64 bits") from None

    @property
    def value(self) -> Any:
        """What the client sent, to be relayed equal."""
        return self._held if isinstance(self._held, str) else msgspec.msgpack.decode(self._held)

    @property
    def size_bytes(self) -> int:
        """Its length: text in UTF-8, anything else as MessagePack."""
        held = self._held
        return len(held) if isinstance(held, bytes) or held.isascii() else len(held.encode())

    def __eq__(self, other: object) -> bool:
        """Equal as JSON: the order of keys does not matter, and 1 is neither 1.0 nor true."""
        if not isinstance(other, Opaque):
            return False
        return self._held == other._held or _canonical(self.value) == _canonical(other.value)

    def __hash__(self) -> int:
        return hash(_canonical(self.value))

    def __repr__(self) -> str:
        """Never the content, so that no log line or traceback can hold it."""
        return f"<Opaque, {self.size_bytes} bytes>"


def _canonical(value: Any) -> bytes:
    return msgspec.msgpack.encode(value, order="deterministic")


def _check(value: Any) -> None:
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return
    raise ValueError(f"nests deeper than {MAX_DEPTH} levels")


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        if _PLACEHOLDER in value:
            raise ValueError("holds the reserved key _placeholder")
        return value.values()
    return value if isinstance(value, list) else ()
