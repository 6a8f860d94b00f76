"""Where strangers are: a group, and who is in it at a time."""

from collections.abc import Iterable

from scripts.demo_parts.protocol.packing import pack
from scripts.demo_parts.protocol.primitives import digest


def place_of(group_id: str) -> bytes:
    """What all that is said in a group is bound to."""
    return digest(pack(b"hushwire/1/strangers/group", group_id.encode()))


def members_hash(place: bytes, members: Iterable[tuple[str, bytes]]) -> bytes:
    """What stands for the members of a group at a time.

    Args:
        members: User id and member id of each, in any order; with no bytes for the member id of
            somebody without an accepted card.
    """
    entries = sorted(pack(user_id.encode(), member_id) for user_id, member_id in members)
    return digest(pack(b"hushwire/1/strangers/members", place, *entries))
