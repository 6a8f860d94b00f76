"""Values that the relay carries without looking inside: ciphertext and public keys."""

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

MAX_DEPTH = 32
"""Levels of nesting; deeper values are refused, since every hop walks them recursively."""

_PLACEHOLDER = "_placeholder"


class Opaque:
    """Any JSON value, with binary anywhere in it, that came from a client and goes to another.

    Kept as text or bytes and not as Python objects: a list of empty lists takes three bytes
    each on the wire and sixty in memory, which would let a hostile client hold far more
    than its bounds say; and what goes out again need not be encoded again.

    Attributes:
        has_binary: There is binary in it.
        size_bytes: Its length: as JSON, of text without the quotes; with binary, as MessagePack.
    """

    __slots__ = ("_held", "has_binary", "size_bytes")

    _held: str | bytes

    def __init__(self, value: Any) -> None:
        """Accept a value as it came off the wire.

        Raises:
            ValueError: It nests too deeply, holds a number beyond 64 bits, or holds a
                `_placeholder` key. Socket.IO clients replace such an object by a binary
                attachment, so relaying one inside of a message would break the connection
                of whoever reads it.
        """
        self.has_binary = False
        if isinstance(value, str):
            self._hold(value)
            return
        self.has_binary = _walk(value)
        try:
            packed = msgspec.msgpack.encode(value)
        except OverflowError:
            raise ValueError("holds a number beyond 64 bits") from None
        self._hold(packed if self.has_binary else msgspec.json.encode(value))

    def _hold(self, held: str | bytes) -> None:
        self._held = held
        self.size_bytes = len(held)
        if isinstance(held, str) and not held.isascii():
            self.size_bytes = len(held.encode())

    @property
    def value(self) -> Any:
        """What the client sent."""
        if isinstance(self._held, str):
            return self._held
        decode = msgspec.msgpack.decode if self.has_binary else msgspec.json.decode
        return decode(self._held)

    def json(self) -> "str | msgspec.Raw | Opaque":
        """For an encoder of JSON; itself if it holds binary, for which JSON has no word."""
        if isinstance(self._held, str):
            return self._held
        return self if self.has_binary else msgspec.Raw(self._held)

    @property
    def stored(self) -> str | bytes:
        """For stores beyond this process, as `restored` takes it."""
        if isinstance(self._held, str):
            return self._held
        return (b"m" if self.has_binary else b"j") + self._held

    @classmethod
    def restored(cls, stored: str | bytes) -> "Opaque":
        """The value of which this was the `stored` form."""
        made = cls.__new__(cls)
        made.has_binary = stored[:1] == b"m"
        made._hold(stored if isinstance(stored, str) else stored[1:])  # noqa: SLF001 - its own
        return made

    @property
    def digest(self) -> bytes:
        """Equal for values that are equal, and for no others; for stores that cannot compare."""
        return hashlib.sha256(_canonical(self.value)).digest()

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


def _walk(value: Any) -> bool:
    """Look at the form of a value, level by level.

    Returns:
        Whether there is binary in it.

    Raises:
        ValueError: It nests too deeply, or holds the reserved key.
    """
    level = [value]
    has_binary = False
    for _ in range(MAX_DEPTH):
        has_binary = has_binary or any(type(one) is bytes for one in level)
        level = [
            child
            for parent in level
            if type(parent) is not bytes
            for child in _children(parent)
            if type(child) in _WITH_FORM
        ]
        if not level:
            return has_binary
    raise ValueError(f"nests deeper than {MAX_DEPTH} levels")


_WITH_FORM = (dict, list, bytes)


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        if _PLACEHOLDER in value:
            raise ValueError("holds the reserved key _placeholder")
        return value.values()
    return value if isinstance(value, list) else ()
