"""Safety numbers: what two members compare on a way that the relay does not control."""

from hashlib import sha512

from scripts.demo_parts.protocol.packing import pack

GROUPS = 12

_GROUP_BYTES = 5


def safety_number(session_id: bytes, one: bytes, other: bytes) -> list[str]:
    """Twelve groups of five digits, the same for both."""
    made = pack(b"hushwire/1/safety", session_id, *sorted((one, other)))
    return digits_of(sha512(made).digest())


def digits_of(made: bytes) -> list[str]:
    """Twelve groups of five digits, of the first sixty bytes."""
    starts = range(0, GROUPS * _GROUP_BYTES, _GROUP_BYTES)
    groups = (int.from_bytes(made[start : start + _GROUP_BYTES]) for start in starts)
    return [f"{group % 100_000:05}" for group in groups]
