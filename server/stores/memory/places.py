"""Which groups have room, the fullest first, and which of them may take a user."""

from collections import OrderedDict
from collections.abc import Iterator
from itertools import islice

from server.core.ids import RoomId
from server.stores.memory.group import MemoryGroup
from server.stores.memory.user import MemoryUser
from server.stores.memory.users import MemoryUsers
from server.stores.sizes import LOOKS


class Places:
    """Groups with room, by how many members they have.

    Args:
        capacity: The most that any group may have.
        users: Know who is not to meet whom.
    """

    def __init__(self, capacity: int, users: MemoryUsers) -> None:
        self._users = users
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

    def find(self, user: MemoryUser, now_ms: int) -> MemoryGroup | None:
        """The fullest group that may take the user, which is not its own."""
        user.forget_partings(now_ms)
        others = (group for group in self if group is not user.group)
        for group in islice(others, LOOKS):
            if self._may_enter(user, group, now_ms):
                return group
        if self._users.shunned(user) >= len(self):
            return next((g for g in others if self._may_enter(user, g, now_ms)), None)
        # Fewer people than groups: rather look in which groups these are.
        avoided = self._users.groups_to_avoid(user)
        left_over = (group for group in others if group not in avoided)
        return next((g for g in left_over if not g.is_barred(user.user_id, now_ms)), None)

    def _may_enter(self, user: MemoryUser, group: MemoryGroup, now_ms: int) -> bool:
        is_barred = group.is_barred(user.user_id, now_ms)
        return not is_barred and self._users.may_meet(user, group)
