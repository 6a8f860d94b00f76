"""What the stores of durable rooms ought to answer, said as plainly as possible."""

from msgspec import Struct, field

from server.core.durable import Role, Status
from server.core.errors import Code
from server.core.limits import Bounds

RANK = {Role.MEMBER: 0, Role.ADMIN: 1, Role.OWNER: 2}


class Message(Struct):
    """A message; `delivered` and `read` are whom it has come to, and who has read it."""

    seq: int
    message_id: str
    sender: str
    ciphertext: str
    sent_ms: int
    expires_ms: int | None
    is_withheld: bool
    is_deleted: bool = False
    delivered: set[str] = field(default_factory=set)
    read: set[str] = field(default_factory=set)


class Member(Struct):
    role: Role
    joined_ms: int
    joined_seq: int


class Room(Struct):
    """A room; who left a direct one does not exist."""

    room_id: str
    is_direct: bool
    ttl_ms: int | None
    members: dict[str, Member]
    messages: list[Message] = field(default_factory=list)
    seq: int = 0

    def message(self, message_id: str) -> Message | None:
        return next((one for one in self.messages if one.message_id == message_id), None)

    @property
    def heir(self) -> str:
        """Who is longest there of those who may most."""
        return min(
            self.members,
            key=lambda one: (
                -RANK[self.members[one].role],
                self.members[one].joined_ms,
                one,
            ),
        )


def phone_of(user: str) -> str:
    """The device from which somebody writes."""
    return f"{user}-phone"


class World:
    """All rooms, and how far everybody has read."""

    def __init__(self, people: list[str], now_ms: int, bounds: Bounds) -> None:
        self.now_ms = now_ms
        self._bounds = bounds
        self.rooms: dict[str, Room] = {}
        self.ended: list[Room] = []
        self.blocks: set[tuple[str, str]] = set()
        self.devices = {one: {phone_of(one): now_ms} for one in people}
        self._acks: set[tuple[str, str, int]] = set()

    # --- finding ---

    def rooms_of(self, user: str) -> list[Room]:
        return [room for room in self.rooms.values() if user in room.members]

    def direct(self, user: str, other: str) -> Room | None:
        for room in self.rooms_of(user):
            if room.is_direct and other in room.members:
                return room
        return None

    def readable(self, user: str, room: Room) -> list[Message]:
        since = room.members[user].joined_seq
        return [
            one
            for one in room.messages
            if one.seq > since
            and (not one.is_withheld or one.sender == user)
            and (one.expires_ms is None or one.expires_ms > self.now_ms)
        ]

    def named(self, user: str, message_id: str) -> list[tuple[Room, Message]]:
        return [
            (room, one)
            for room in self.rooms_of(user)
            for one in self.readable(user, room)
            if one.message_id == message_id
        ]

    def waiting(self, user: str, device_id: str) -> dict[str, list[str]]:
        """The ids of what waits for a device, by room."""
        begun_ms = self.devices[user][device_id]
        found = {}
        for room in self.rooms_of(user):
            found[room.room_id] = [
                one.message_id
                for one in self.readable(user, room)
                if device_id != phone_of(one.sender)
                and not one.is_deleted
                and one.sent_ms >= begun_ms
                and (device_id, room.room_id, one.seq) not in self._acks
            ]
        return {room_id: ids for room_id, ids in found.items() if ids}

    def unread(self, user: str, room: Room) -> int:
        return sum(
            one.sender != user and not one.is_deleted and user not in one.read
            for one in self.readable(user, room)
        )

    def status(self, user: str, room: Room, one: Message) -> tuple[Status, int, int]:
        """How far a message has come, as somebody sees it."""
        if one.sender != user:
            return _status(user in one.delivered, user in one.read), 0, 0
        others = {
            name
            for name, member in room.members.items()
            if name != user and member.joined_seq < one.seq
        }
        delivered, read = len(others & one.delivered), len(others & one.read)
        count = len(others)
        return _status(delivered >= count > 0, read >= count > 0), delivered, read

    # --- messages ---

    def send_refusal(
        self, sender: str, room: Room | None, other: str | None, message_id: str
    ) -> Code | None:
        if other == sender:
            return Code.FORBIDDEN
        if other is None and (room is None or sender not in room.members):
            return Code.NOT_FOUND
        if room and (known := room.message(message_id)):
            return None if known.sender == sender else Code.ID_CONFLICT
        peer = other or self._peer(sender, room)
        return Code.FORBIDDEN if peer and (sender, peer) in self.blocks else None

    def send(self, sender: str, room: Room, message_id: str, text: str) -> Message | None:
        """The message; None if it was there before."""
        if room.message(message_id):
            return None
        room.seq += 1
        peer = self._peer(sender, room)
        expires_ms = None if room.ttl_ms is None else self.now_ms + room.ttl_ms
        is_withheld = peer is not None and (peer, sender) in self.blocks
        made = Message(room.seq, message_id, sender, text, self.now_ms, expires_ms, is_withheld)
        room.messages.append(made)
        return made

    def _peer(self, user: str, room: Room | None) -> str | None:
        if room is None or not room.is_direct:
            return None
        return next(one for one in room.members if one != user)

    def acknowledge(
        self, user: str, device_id: str, ids: list[str], status: Status
    ) -> tuple[set[tuple[str, int]], list[str]]:
        """The places of what came further, and the ids of what is not one message."""
        further, unknown = set(), []
        for message_id in ids:
            found = self.named(user, message_id)
            if len(found) != 1:
                unknown.append(message_id)
                continue
            room, one = found[0]
            if one.is_deleted:
                continue
            self._acks.add((device_id, room.room_id, one.seq))
            if one.sender == user:
                continue
            if user not in (one.read if status is Status.READ else one.delivered):
                further.add((room.room_id, one.seq))
            one.delivered.add(user)
            if status is Status.READ:
                one.read.add(user)
        return further, unknown

    def delete_refusal(self, user: str, message_id: str) -> Code | None:
        found = self.named(user, message_id)
        if len(found) != 1:
            return Code.ID_CONFLICT if found else Code.NOT_FOUND
        room, one = found[0]
        is_moderator = room.members[user].role is not Role.MEMBER
        return None if one.sender == user or is_moderator else Code.FORBIDDEN

    def delete(self, user: str, message_id: str) -> bool:
        """Whether it was deleted before."""
        ((_, one),) = self.named(user, message_id)
        before, one.is_deleted = one.is_deleted, True
        one.delivered.clear()
        one.read.clear()
        return before

    def expire(self) -> int:
        """How many messages, and rooms that ended, are forgotten."""
        forgotten = len(self.ended) + sum(len(room.messages) for room in self.ended)
        self.ended.clear()
        for room in self.rooms.values():
            kept = [
                one
                for one in room.messages
                if one.expires_ms is None or one.expires_ms > self.now_ms
            ]
            forgotten += len(room.messages) - len(kept)
            room.messages = kept
        return forgotten

    # --- rooms ---

    def create_refusal(self, user: str, others: list[str]) -> Code | None:
        if len(others) >= self._bounds.room_members:
            return Code.LIMIT_REACHED
        is_blocked = any((one, user) in self.blocks for one in others)
        return Code.RECIPIENT_NOT_FOUND if is_blocked else None

    def create(self, room_id: str, user: str, others: list[str], ttl_ms: int | None) -> None:
        roles = {user: Role.OWNER, **dict.fromkeys(others, Role.MEMBER)}
        members = {one: Member(role, self.now_ms, 0) for one, role in roles.items()}
        self.rooms[room_id] = Room(room_id, False, ttl_ms, members)

    def begin_direct(self, room_id: str, user: str, other: str) -> Room:
        members = {one: Member(Role.MEMBER, self.now_ms, 0) for one in (user, other)}
        self.rooms[room_id] = Room(room_id, True, None, members)
        return self.rooms[room_id]

    def manage_refusal(self, user: str, room: Room, least: Role) -> Code | None:
        if user not in room.members:
            return Code.NOT_FOUND
        is_below = RANK[room.members[user].role] < RANK[least]
        return Code.FORBIDDEN if room.is_direct or is_below else None

    def add_refusal(self, user: str, room: Room, other: str, role: Role | None) -> Code | None:
        held = room.members.get(other)
        wanted = role or (held.role if held else Role.MEMBER)
        is_same = held is not None and held.role is wanted
        is_plain = held is None and wanted is Role.MEMBER
        least = Role.MEMBER if is_same else Role.ADMIN if is_plain else Role.OWNER
        refusal = self.manage_refusal(user, room, least)
        if refusal or is_same:
            return refusal
        if held:
            return Code.FORBIDDEN if held.role is Role.OWNER else None
        if len(room.members) >= self._bounds.room_members:
            return Code.ROOM_FULL
        return Code.RECIPIENT_NOT_FOUND if (other, user) in self.blocks else None

    def add(self, user: str, room: Room, other: str, role: Role | None) -> bool:
        """Whether anything has changed."""
        held = room.members.get(other)
        if held is None:
            held = room.members[other] = Member(Role.MEMBER, self.now_ms, room.seq)
        elif role in (None, held.role):
            return False
        held.role = role or Role.MEMBER
        if held.role is Role.OWNER:
            room.members[user].role = Role.ADMIN
        return True

    def remove_refusal(self, user: str, room: Room, other: str) -> Code | None:
        held = room.members.get(other)
        is_plain = held is None or held.role is Role.MEMBER
        least = Role.MEMBER if user == other else Role.ADMIN if is_plain else Role.OWNER
        refusal = self.manage_refusal(user, room, least)
        return refusal or (None if held else Code.RECIPIENT_NOT_FOUND)

    def remove(self, room: Room, other: str) -> None:
        left = room.members.pop(other)
        gone = set(self.devices[other])
        self._acks = {a for a in self._acks if a[0] not in gone or a[1] != room.room_id}
        if not room.members:
            self.end(room)
        elif left.role is Role.OWNER:
            room.members[room.heir].role = Role.OWNER

    def end(self, room: Room) -> None:
        self.ended.append(self.rooms.pop(room.room_id))


def _status(is_delivered: bool, is_read: bool) -> Status:
    if is_read:
        return Status.READ
    return Status.DELIVERED if is_delivered else Status.SENT
