"""Who meets whom in random groups: sizes, names, and how long one is remembered."""

import random
import time

from server.core.ids import RoomId, new_id
from server.core.ports import NewGroup

SMALLEST = 3
"""Places of the smallest group; the largest has its policy's capacity."""

NAMES = (
    "Random Chat #1",
    "Coffee Break",
    "Night Owls",
    "Tech Talk",
    "Casual Chat",
    "Weekend Vibes",
)

APART_MS = 2 * 60_000
"""For so long one does not meet again whom one has left."""

CONNECT_MS = 60_000
"""For so long a user who joined over HTTP may take to connect."""

PRESENT_MS = 60_000
"""So long a member must have been there for its report to count."""

ENOUGH_REPORTS = 3
"""Members who must report another to have it removed; all others, if they are fewer."""

NEW_KEY_COST = 4
"""Groups that one might have joined for a new key in the same group."""

_PREFIX = "random:"
"""Of the ids of groups within: no session has a colon in its id, hence none is taken for one."""


def is_group(room_id: RoomId) -> bool:
    """Whether an id within is a random group's."""
    return room_id.startswith(_PREFIX)


def room_id_of(group_id: str) -> RoomId:
    """A group's id within, from the one that clients know."""
    return RoomId(_PREFIX + group_id)


def group_id_of(room_id: RoomId) -> str:
    """The id that clients know."""
    return room_id.removeprefix(_PREFIX)


def new_group(capacity: int, now_ms: int, chance: random.Random) -> NewGroup:
    """A group of any size up to that capacity, under a name with the time of day in UTC."""
    hour = time.strftime("%I:%M:%S %p", time.gmtime(now_ms / 1000)).lstrip("0")
    name = f"{chance.choice(NAMES)} - {hour}"
    return NewGroup(room_id_of(new_id()), name, chance.randint(SMALLEST, capacity))
