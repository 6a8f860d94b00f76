"""Fields into bytes and back, so that nothing has two readings; base64url; padding."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

from scripts.demo_parts.protocol.refusal import MalformedError

LARGEST_NUMBER = 2**53 - 1
"""The largest whole number that JavaScript tells from its neighbours."""

STEP_BYTES = 16_384
"""Padding doubles up to here, and grows by this much from here on."""

_LENGTH_BYTES = 4
_NUMBER_BYTES = 8
_END = b"\x80"


def pack(*fields: bytes) -> bytes:
    """Write fields one after the other, each after its length."""
    return b"".join(len(field).to_bytes(_LENGTH_BYTES) + field for field in fields)


def unpack(packed: bytes, count: int) -> list[bytes]:
    """Read exactly so many fields.

    Raises:
        MalformedError: there are more, or fewer, or one is cut.
    """
    fields = unpack_all(packed)
    if len(fields) != count:
        raise MalformedError(f"{len(fields)} fields instead of {count}")
    return fields


def unpack_all(packed: bytes) -> list[bytes]:
    """Read fields up to the end.

    Raises:
        MalformedError: the last one is cut.
    """
    fields, at = [], 0
    while at < len(packed):
        start = at + _LENGTH_BYTES
        at = start + int.from_bytes(packed[at:start])
        if at > len(packed):
            raise MalformedError("a field is cut")
        fields.append(packed[start:at])
    return fields


def u64(number: int) -> bytes:
    """Write a number in eight bytes.

    Raises:
        ValueError: It is negative, or not below 2^53.
    """
    if not 0 <= number <= LARGEST_NUMBER:
        raise ValueError(f"{number} is not between 0 and 2^53 - 1")
    return number.to_bytes(_NUMBER_BYTES)


def read_u64(field: bytes) -> int:
    """Read a number of eight bytes.

    Raises:
        MalformedError: it has another length, or is not below 2^53.
    """
    number = int.from_bytes(of_size(field, _NUMBER_BYTES))
    if number > LARGEST_NUMBER:
        raise MalformedError("a number is not below 2^53")
    return number


def of_size(field: bytes, size_bytes: int) -> bytes:
    """The field, if it has this size.

    Raises:
        MalformedError: it has another one.
    """
    if len(field) != size_bytes:
        raise MalformedError(f"{len(field)} bytes instead of {size_bytes}")
    return field


# --- bytes as text ---


def utf8(field: bytes) -> str:
    """Read a text.

    Raises:
        MalformedError: It is not UTF-8.
    """
    try:
        return field.decode()
    except UnicodeDecodeError:
        raise MalformedError("not UTF-8") from None


def well_formed(text: str) -> str:
    """A text that UTF-8 can hold: half a surrogate pair, as JSON may have it, becomes U+FFFD."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def to_text(data: bytes) -> str:
    """Write bytes in base64url, without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def from_text(text: object) -> bytes:
    """Read base64url.

    Raises:
        MalformedError: it is no text, or not the one way to write its bytes.
    """
    if not isinstance(text, str) or not re.fullmatch(r"[A-Za-z0-9_-]*", text):
        raise MalformedError("not base64url")
    if len(text) % 4 == 1:
        raise MalformedError("base64url of no whole number of bytes")
    data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if to_text(data) != text:
        raise MalformedError("base64url with spare bits that are not zero")
    return data


# --- padding ---


def pad(plain: bytes, floor_bytes: int) -> bytes:
    """Fill up to the next step, so that a length tells little."""
    return (plain + _END).ljust(padded_size(len(plain), floor_bytes), b"\0")


def padded_size(size_bytes: int, floor_bytes: int) -> int:
    step = floor_bytes
    while step <= size_bytes:
        step = 2 * step if step < STEP_BYTES else step + STEP_BYTES
    return step


def unpad(padded: bytes) -> bytes:
    """Take the filling off.

    Raises:
        MalformedError: nothing tells where it begins.
    """
    plain, end, zeros = padded.rpartition(_END)
    if not end or zeros.strip(b"\0"):
        raise MalformedError("padding without its beginning")
    return plain
