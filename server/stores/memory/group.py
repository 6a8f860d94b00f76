"""One random group in memory: its members, what was said, and what its members hear."""

from server.core.events import (
    Group,
    LeaveReason,
    Member,
    MemberJoined,
    MemberLeft,
    MembersChanged,
    MessageSent,
)
from server.core.ids import ConnectionId, Identity, UserId
from server.core.kinds import Policy
from server.core.ports import GroupSummary, NewGroup, Post
from server.stores.memory.history import History
from server.stores.sizes import MAX_GONE, away_bytes, member_bytes


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
        self._gone: dict[UserId, Member] = {}  # as they left, lately
        self.history = History(policy)
        # Who has left, until when it is not to come back; the earliest first.
        self._away_until_ms: dict[UserId, int] = {}
        self._removed: set[UserId] = set()
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
        self._forget_gone(member.user_id)
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
        self._remember_gone(member)
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

    def change_key(self, changed: Member, skip: ConnectionId | None) -> MembersChanged:
        known = self.members[changed.user_id]
        self._members_bytes += member_bytes(changed) - member_bytes(known)
        self.members[changed.user_id] = changed
        self.next_seq()
        return self._members_changed(skip)

    def message(self, post: Post, now_ms: int) -> MessageSent:
        """A message as the next in the sequence, which it does not take yet."""
        # However the sender wrote it, text or number.
        to = self.members[post.recipient].user_id if post.recipient else None
        return MessageSent(
            room_id=self.room_id,
            seq=self.seq + 1,
            message_id=post.message_id,
            sender=post.sender,
            recipient=to,
            addressed_as=to,
            ciphertext=post.ciphertext,
            content_type=post.content_type,
            sent_ms=now_ms,
            identities=frozenset((Identity(post.sender), Identity(to))) if to else None,
            sender_name=self.members[post.sender].name,
        )

    def last_seen(self, user_id: UserId) -> Member | None:
        """A member, or one that has left lately, with the key that it had."""
        return self.members.get(user_id) or self._gone.get(user_id)

    def _remember_gone(self, member: Member) -> None:
        """Only who has said something can be reported still."""
        self._gone[member.user_id] = member
        itself = Identity(member.user_id)
        if not self.history.has_word_of(itself, itself):
            self._forget_gone(member.user_id)
        elif len(self._gone) > MAX_GONE:
            self._forget_gone(next(iter(self._gone)))

    def _forget_gone(self, user_id: UserId) -> None:
        if member := self._gone.pop(user_id, None):
            self._members_bytes -= member_bytes(member)

    # --- who is not to come back ---

    def bar(self, user_id: UserId, until_ms: int, now_ms: int) -> None:
        """Not let a user in again until then, and forget for whom that is over."""
        while self._away_until_ms:
            first, first_until_ms = next(iter(self._away_until_ms.items()))
            if first_until_ms > now_ms:
                break
            self._let_back(first)
        self._let_back(user_id)
        self._away_until_ms[user_id] = until_ms
        self._members_bytes += away_bytes(user_id)

    def remove(self, user_id: UserId) -> None:
        """Never let a user in again."""
        self._removed.add(user_id)
        self._members_bytes += away_bytes(user_id)

    def is_barred(self, user_id: UserId, now_ms: int) -> bool:
        return user_id in self._removed or self._away_until_ms.get(user_id, 0) > now_ms

    def _let_back(self, user_id: UserId) -> None:
        if self._away_until_ms.pop(user_id, None) is not None:
            self._members_bytes -= away_bytes(user_id)

    # --- who has reported whom ---

    def reporters(self, user_id: UserId, present_since_ms: int) -> int:
        """How many members, each from another place and here since then, have reported a user."""
        marks = {
            mark
            for reporter, mark in self.marks.get(user_id, {}).items()
            if self.members[reporter].joined_ms <= present_since_ms
        }
        return len(marks)

    def _forget_reports(self, user_id: UserId) -> None:
        self.marks.pop(user_id, None)
        for marks in self.marks.values():
            marks.pop(user_id, None)

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
