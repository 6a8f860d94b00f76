"""What this process knows of the rooms that it serves: so much can be restored if Redis loses it.

It is put together from what Redis answers and from what the broker delivers. It has an end:
members without a connection here are held by the processes where they have one, or by none; of
messages the newest are held.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable

from msgspec import Struct, field, structs

from server.core.events import (
    Member,
    MemberJoined,
    MemberLeft,
    MemberRemoved,
    MembersChanged,
    MessageSent,
    RoomEvent,
    RoomExpired,
    RoomLocked,
)
from server.core.ids import ConnectionId, Identity, MessageId, RoomId, UserId
from server.core.kinds import Policy
from server.core.ports import Entry
from server.stores.redis.room_answers import Admission

ROOM_MESSAGES = 100
ROOM_BYTES = 512 * 1024
"""Of one room's newest messages."""

TOTAL_BYTES = 128 * 1024 * 1024
"""Of all rooms; beyond it, rooms that have been silent for longest keep none."""

RECALLED_MESSAGES = 20
RECALLED_BYTES = 64 * 1024
"""Of those that were said before anybody came into the room here: who was not answered says them
again, and is told apart from one who says something new by their ids."""

_REMOVED = 100
"""Members that were put out of a room, of whom it is remembered."""


class HeldMember(Struct):
    """A member with a connection here.

    Attributes:
        order: Where in the sequence it joined.
        token_hash: None if it was not shown here.
        connections: Those of this process; whether each has proved to be the member.
    """

    identity: Identity
    member: Member
    order: int
    token_hash: bytes | None
    connections: dict[ConnectionId, bool]


class HeldMessage(Struct):
    """`sender` is None if another process took the message."""

    event: MessageSent
    sender: Identity | None


class Seed(Struct, kw_only=True):
    """What one process brings of a room.

    Attributes:
        seq, place: The newest that this process has heard of.
        floor_seq: It has all messages after this place in the sequence.
        removed: Members that were put out lately.
    """

    room_id: RoomId
    policy: Policy
    key_hash: bytes
    creator: Identity | None
    created_ms: int
    locked: bool
    seq: int
    place: int
    floor_seq: int
    members: dict[Identity, HeldMember] = field(default_factory=dict)
    removed: deque[Identity] = field(default_factory=lambda: deque(maxlen=_REMOVED))
    messages: "OrderedDict[MessageId, HeldMessage]" = field(default_factory=OrderedDict)
    held_bytes: int = 0

    def member_of(self, user_id: UserId) -> HeldMember | None:
        return next((one for one in self.members.values() if one.member.user_id == user_id), None)

    def connections(self) -> tuple[ConnectionId, ...]:
        """Those of this process."""
        return tuple(one for held in self.members.values() for one in held.connections)

    def keep(self, event: MessageSent, sender: Identity | None) -> int:
        """Keep a message; answers by how many bytes more is held now."""
        known = self.messages.get(event.message_id)
        if known:
            known.sender = known.sender or sender
            return 0
        if event.seq <= self.floor_seq:
            return 0
        before = self.held_bytes
        self.messages[event.message_id] = HeldMessage(event, sender)
        self.held_bytes += event.ciphertext.size_bytes
        while len(self.messages) > ROOM_MESSAGES or self.held_bytes > ROOM_BYTES:
            self._drop_oldest()
        return self.held_bytes - before

    def recall(
        self, floor_seq: int, messages: Iterable[tuple[MessageSent, Identity | None]]
    ) -> int:
        """Keep what was said before as well; answers by how many bytes more is held now."""
        before = self.held_bytes
        later, self.messages = self.messages, OrderedDict()
        self.held_bytes, self.floor_seq = 0, floor_seq
        for event, sender in messages:
            self.keep(event, sender)
        for held in later.values():
            self.keep(held.event, held.sender)
        return self.held_bytes - before

    def drop_messages(self) -> int:
        """Keep none; answers how many bytes that were."""
        before = self.held_bytes
        while self.messages:
            self._drop_oldest()
        return before

    def _drop_oldest(self) -> None:
        _, oldest = self.messages.popitem(last=False)
        self.held_bytes -= oldest.event.ciphertext.size_bytes
        self.floor_seq = max(self.floor_seq, oldest.event.seq)


class Holdings:
    """The seeds of all rooms in which somebody is connected here."""

    def __init__(self, total_bytes: int = TOTAL_BYTES) -> None:
        self._seeds: dict[RoomId, Seed] = {}
        # Those with messages, the longest silent ones first.
        self._talking: OrderedDict[RoomId, Seed] = OrderedDict()
        self._total_bytes = total_bytes
        self._held_bytes = 0

    def rooms(self) -> tuple[RoomId, ...]:
        return tuple(self._seeds)

    def seed(self, room_id: RoomId) -> Seed | None:
        return self._seeds.get(room_id)

    # --- what this process does ---

    def join(self, entry: Entry, policy: Policy, admission: Admission) -> bool:
        """Note a connection that was attached.

        Returns:
            Whether something was said in the room before anybody here heard of it.
        """
        joined = admission.joined
        seed = self._seeds.get(entry.room_id)
        is_first = seed is None
        if seed is None:
            seed = self._seeds[entry.room_id] = Seed(
                room_id=entry.room_id,
                policy=policy,
                key_hash=admission.key_hash,
                creator=None,
                created_ms=admission.created_ms,
                locked=joined.locked,
                seq=joined.seq,
                place=admission.place,
                floor_seq=admission.said_seq,
            )
        seed.creator = admission.creator or seed.creator
        seed.seq = max(seed.seq, joined.seq)
        member = next(one for one in joined.members if one.user_id == entry.user_id)
        held = seed.members.get(admission.identity)
        if held is None:
            order, identity = admission.order, admission.identity
            held = seed.members[identity] = HeldMember(identity, member, order, None, {})
        held.member, held.order = member, admission.order
        held.connections[entry.connection_id] = joined.has_proved
        if joined.is_new:
            held.token_hash = entry.new_token_hash
        elif joined.token_is_good:
            held.token_hash = entry.token_hash
        return is_first and admission.said_seq > 0

    def recall(
        self,
        room_id: RoomId,
        said_seq: int,
        floor_seq: int,
        messages: Iterable[tuple[MessageSent, Identity | None]],
    ) -> None:
        """Note what was said before anybody came into a room here.

        Args:
            said_seq: Of the newest message then; what is held begins after it.
            floor_seq: There is no gap between this and those messages.
        """
        seed = self._seeds.get(room_id)
        if seed and seed.floor_seq == said_seq:  # else it has given up some that came later
            self._hold(seed, seed.recall(floor_seq, messages))

    def append(self, event: MessageSent, sender: Identity | None) -> None:
        """Note a message that was taken here; None as its sender if it is not known."""
        if seed := self._seeds.get(event.room_id):
            seed.seq = max(seed.seq, event.seq)
            self._keep(seed, event, sender)

    def count(self, room_id: RoomId, seq: int) -> None:
        """Note how far the sequence has come."""
        if seed := self._seeds.get(room_id):
            seed.seq = max(seed.seq, seq)

    def detach(self, connection_id: ConnectionId, room_ids: Iterable[RoomId]) -> None:
        """Note that a connection is not attached any more."""
        for room_id in tuple(room_ids):
            seed = self._seeds.get(room_id)
            for held in tuple(seed.members.values()) if seed else ():
                held.connections.pop(connection_id, None)
            if seed:
                self._settle(seed)

    # --- what the broker delivers ---

    def hear(self, event: RoomEvent, place: int) -> None:
        """Note what has happened in a room."""
        seed = self._seeds.get(event.room_id)
        if seed is None:
            return
        seed.place = max(seed.place, place)
        match event:
            case MessageSent():
                self.append(event, None)
            case MemberJoined() | MemberLeft():
                seed.seq = max(seed.seq, event.seq)
            case MembersChanged():
                _update(seed, event.members)
            case RoomLocked():
                seed.locked = event.locked
            case MemberRemoved():
                self._remove(seed, event.user_id)
            case RoomExpired():
                self._forget(seed)

    # --- inside ---

    def _keep(self, seed: Seed, event: MessageSent, sender: Identity | None) -> None:
        self._hold(seed, seed.keep(event, sender))

    def _hold(self, seed: Seed, added_bytes: int) -> None:
        self._held_bytes += added_bytes
        self._talking[seed.room_id] = seed
        self._talking.move_to_end(seed.room_id)
        while self._held_bytes > self._total_bytes:
            _, silent = self._talking.popitem(last=False)
            self._held_bytes -= silent.drop_messages()

    def _remove(self, seed: Seed, user_id: UserId) -> None:
        held = seed.member_of(user_id)
        if held:
            seed.removed.append(held.identity)
            del seed.members[held.identity]
            self._settle(seed)

    def _settle(self, seed: Seed) -> None:
        """Forget who has no connection here, and a room in which nobody has one."""
        for held in tuple(seed.members.values()):
            if not held.connections:
                del seed.members[held.identity]
        if not seed.members:
            self._forget(seed)

    def _forget(self, seed: Seed) -> None:
        self._held_bytes -= seed.held_bytes
        self._seeds.pop(seed.room_id, None)
        self._talking.pop(seed.room_id, None)


def _update(seed: Seed, members: tuple[Member, ...]) -> None:
    """Take over the names and keys of members that are held."""
    present = {member.user_id: member for member in members}
    for held in seed.members.values():
        if current := present.get(held.member.user_id):
            held.member = structs.replace(
                held.member, name=current.name, public_key=current.public_key
            )
