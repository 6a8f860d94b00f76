"""Numbers that strangers compare on a way that the relay does not control."""

from hashlib import sha512

from scripts.demo_parts.protocol.packing import pack
from scripts.demo_parts.protocol.safety import digits_of


def pair_number(place: bytes, one: bytes, other: bytes) -> list[str]:
    """Of two members, by their member ids."""
    made = pack(b"hushwire/1/strangers/safety", place, *sorted((one, other)))
    return digits_of(sha512(made).digest())


def group_number(members: bytes) -> list[str]:
    """Of a whole group, by its `members_hash`: the same for all who see the same members."""
    return digits_of(sha512(pack(b"hushwire/1/strangers/safety-of-all", members)).digest())
