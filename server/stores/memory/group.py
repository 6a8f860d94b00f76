"""One random group in memory: its members, what was said, and what its members hear."""

from msgspec import structs

from server.core.events import (
    Group,
    LeaveReason,
    Member,
    MemberJoined,
    MemberLeft,
    MembersChanged,
)
from server.core.ids import ConnectionId, UserId
from server.core.kinds import Policy
from server.core.opaque import Opaque
from server.core.ports import GroupSummary, NewGroup
from server.stores.memory.history import History

_RECORD_BYTES = 1024
"""Python's own records of one member, measured."""


class MemoryGroup:
    """A group with its history; whoever changes it does the books of its bytes."""

    def __init__(self, new: NewGroup, policy: Policy, now_ms: int) -> None:
        self.room_id = new.room_id
        self.name = new.name
        self.capacity = new.capacity
        self.created_ms = now_ms
        self.active_ms = now_ms
        self.epoch = 0
        self.seq = 0
        self.members: dict[UserId, Member] = {}
        self.history = History(policy)
        # Who has reported whom, from where.
        self.marks: dict[UserId, dict[UserId, bytes]] = {}
        self._members_bytes = 0

    @property
    def held_bytes(self) -> int:
        return self.history.held_bytes + self._members_bytes

    @property
    def has_room(self) -> bool:
        return len(self.members) < self.capacity

    def next_seq(self) -> int:
        self.seq += 1
        return self.seq

    # --- who is there ---

    def add(self, member: Member, skip: ConnectionId | None) -> tuple[MemberJoined, MembersChanged]:
        self.members[member.user_id] = member
        self._members_bytes += member_bytes(member)
        joined = MemberJoined(
            room_id=self.room_id,
            skip=skip,
            seq=self.next_seq(),
            user_id=member.user_id,
            name=member.name,
            joined_ms=member.joined_ms,
            public_key=member.public_key,
        )
        return joined, self._members_changed(skip)

    def drop(
        self, user_id: UserId, reason: LeaveReason, now_ms: int, skip: ConnectionId | None
    ) -> tuple[MemberLeft, MembersChanged]:
        member = self.members.pop(user_id)
        self._members_bytes -= member_bytes(member)
        self._forget_reports(user_id)
        left = MemberLeft(
            room_id=self.room_id,
            skip=skip,
            seq=self.next_seq(),
            user_id=user_id,
            reason=reason,
            left_ms=now_ms,
            name=member.name,
        )
        return left, self._members_changed(None)

    def change_key(
        self, user_id: UserId, public_key: Opaque, skip: ConnectionId | None
    ) -> MembersChanged:
        member = self.members[user_id]
        changed = structs.replace(member, public_key=public_key)
        self._members_bytes += member_bytes(changed) - member_bytes(member)
        self.members[user_id] = changed
        self.next_seq()
        return self._members_changed(skip)

    def reporters(self, user_id: UserId, present_since_ms: int) -> int:
        """How many members, each from another place and here since then, have reported a user."""
        marks = {
            mark
            for reporter, mark in self.marks.get(user_id, {}).items()
            if self.members[reporter].joined_ms <= present_since_ms
        }
        return len(marks)

    # --- as others see it ---

    def view(self) -> Group:
        return Group(
            room_id=self.room_id,
            name=self.name,
            capacity=self.capacity,
            members=tuple(self.members.values()),
            epoch=self.epoch,
            seq=self.seq,
            created_ms=self.created_ms,
        )

    def summary(self) -> GroupSummary:
        return GroupSummary(
            room_id=self.room_id,
            name=self.name,
            members=len(self.members),
            capacity=self.capacity,
            messages=len(self.history),
            held_bytes=self.held_bytes,
            created_ms=self.created_ms,
            active_ms=self.active_ms,
        )

    def _members_changed(self, skip: ConnectionId | None) -> MembersChanged:
        self.epoch += 1
        members = tuple(self.members.values())
        return MembersChanged(room_id=self.room_id, skip=skip, members=members, epoch=self.epoch)

    def _forget_reports(self, user_id: UserId) -> None:
        self.marks.pop(user_id, None)
        for marks in self.marks.values():
            marks.pop(user_id, None)


def member_bytes(member: Member) -> int:
    key_bytes = member.public_key.size_bytes if member.public_key else 0
    return len(member.user_id.encode()) + len(member.name.encode()) + key_bytes + _RECORD_BYTES
