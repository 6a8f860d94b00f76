"""Which groups have room, the fullest first."""

from collections import OrderedDict
from collections.abc import Iterator

from server.core.ids import RoomId
from server.stores.memory.group import MemoryGroup


class Places:
    """Groups with room, by how many members they have.

    Args:
        capacity: The most that any group may have.
    """

    def __init__(self, capacity: int) -> None:
        self._by_members: list[OrderedDict[RoomId, MemoryGroup]] = [
            OrderedDict() for _ in range(capacity)
        ]

    def __len__(self) -> int:
        return sum(map(len, self._by_members))

    def __iter__(self) -> Iterator[MemoryGroup]:
        """From the fullest on; of equals, the one that has waited for longest."""
        for groups in reversed(self._by_members):
            yield from groups.values()

    def update(self, group: MemoryGroup, members_before: int) -> None:
        """Note that a group has more or fewer members than before; 0 were of a new one."""
        if members_before < len(self._by_members):
            self._by_members[members_before].pop(group.room_id, None)
        if group.members and group.has_room:
            self._by_members[len(group.members)][group.room_id] = group
