"""Where things are in Redis: every key has a tag, and what is changed together has the same one.

A tag is the part of a key from which Redis Cluster finds the server (the hash slot). A session
lives under the tag of its shard; all random groups under one.
"""

import zlib
from collections.abc import Iterable
from itertools import groupby

from server.core.ids import RoomId, UserId
from server.core.matching import is_group

SHARDS = 64
"""Tags over which sessions are spread. All processes of an installation must agree."""

GROUPS = "{hw:g}"
"""Of random groups, and of the users in them."""

NODES = "{hw:n}"
"""Of what concerns the processes, and of the bounds that hold for all of them."""

BEAT = b"beat"
"""What a process says every second on its own channel."""


def shard(number: int) -> str:
    return f"{{hw:{number}}}"


SHARD_TAGS = tuple(map(shard, range(SHARDS)))

ROOM_TAGS = (*SHARD_TAGS, GROUPS)
"""Of all rooms."""


def shard_of(name: str) -> str:
    """The tag of what has this name."""
    return SHARD_TAGS[zlib.crc32(name.encode()) % SHARDS]


def tag_of(room_id: RoomId) -> str:
    """Of a room and of its log."""
    return GROUPS if is_group(room_id) else shard_of(room_id)


def user_tag(user_id: UserId) -> str:
    """Of what concerns a user wherever it is connected."""
    return shard_of(user_id)


def by_tag(room_ids: Iterable[RoomId]) -> list[tuple[str, list[RoomId]]]:
    """Rooms under each of their tags."""
    in_order = sorted(room_ids, key=tag_of)
    return [(tag, list(some)) for tag, some in groupby(in_order, key=tag_of)]


def channel_of(room_id: RoomId) -> str:
    """On which a room's events are published."""
    return f"{tag_of(room_id)}c:{room_id}"


def room_of(channel: str) -> RoomId:
    """The room whose channel this is."""
    return RoomId(channel.partition("}c:")[2])


def tag_in(channel: str) -> str:
    """The tag of the room whose channel this is."""
    return channel[: channel.index("}") + 1]


def node_channel(node: str) -> str:
    """On which one process hears of its own connections, and its own heartbeat."""
    return f"hw:node:{node}"
