"""One live room: its people, who of them is connected, and who may come in."""

from collections import OrderedDict
from typing import NamedTuple

from msgspec import structs

from server.core.events import (
    LeaveReason,
    Member,
    MemberJoined,
    MemberLeft,
    MembersChanged,
    RoomEvent,
)
from server.core.ids import ConnectionId, Identity, RoomId, UserId
from server.core.kinds import Policy
from server.core.opaque import Opaque
from server.core.ports import Entry
from server.stores import refusals
from server.stores.memory.history import History
from server.stores.room_sizes import member_bytes

_TOKENS_PER_PLACE = 4
"""Tokens of former members that a room remembers, as a multiple of its capacity."""


class Person:
    """A member with its connections; `lost_ms` is when the last of them went."""

    __slots__ = ("connections", "identity", "lost_ms", "member")

    def __init__(self, member: Member, identity: Identity) -> None:
        self.member = member
        self.identity = identity
        self.connections: dict[ConnectionId, bool] = {}  # -> has proved to be the identity
        self.lost_ms: int | None = None

    @property
    def is_live(self) -> bool:
        return bool(self.connections)

    @property
    def held_bytes(self) -> int:
        return member_bytes(self.member)


class Admitted(NamedTuple):
    person: Person
    is_new: bool
    token_is_good: bool
    events: tuple[RoomEvent, ...]


class _Claim(NamedTuple):
    """On what ground an entry may come in.

    Attributes:
        person: The member that it is one more connection of; None for a new member.
        identity: That its token proves; None without a token that is known here.
    """

    person: Person | None
    identity: Identity | None

    def proves(self, entry: Entry) -> bool:
        """Whether the connection is the member beyond doubt."""
        if self.person is None or self.person.identity == self.identity:
            return True
        return self.person.connections.get(entry.connection_id, False)


class Room:
    def __init__(
        self, room_id: RoomId, key_hash: bytes | None, policy: Policy, now_ms: int
    ) -> None:
        self.room_id = room_id
        self.key_hash = key_hash
        self.policy = policy
        self.created_ms = now_ms
        self.active_ms = now_ms
        self.seq = 0
        self.locked = False
        self.creator: Identity | None = None
        self.people: dict[UserId, Person] = {}
        self.connections: dict[ConnectionId, Person] = {}
        self.history = History(policy)
        self._tokens: OrderedDict[bytes, Identity] = OrderedDict()
        self._people_bytes = 0

    @property
    def held_bytes(self) -> int:
        return self.history.held_bytes + self._people_bytes

    def next_seq(self) -> int:
        self.seq += 1
        return self.seq

    def members(self) -> tuple[Member, ...]:
        return tuple(person.member for person in self.people.values())

    def person_of(self, connection_id: ConnectionId) -> Person:
        person = self.connections.get(connection_id)
        if person is None:
            raise refusals.not_a_member()
        return person

    def has_proved(self, connection_id: ConnectionId) -> bool:
        return self.person_of(connection_id).connections[connection_id]

    def is_creator(self, connection_id: ConnectionId) -> bool:
        person = self.person_of(connection_id)
        return self.has_proved(connection_id) and person.identity == self.creator

    # --- coming in ---

    def growth_bytes(self, entry: Entry) -> int:
        """By how much the room would grow if it admitted this entry.

        Raises:
            AppError: It would not admit it.
        """
        claim = self._claim(entry)
        if claim.person is None:
            return member_bytes(_new_member(entry, 0))
        if entry.is_return or not claim.proves(entry):
            return 0
        return self.change_bytes(claim.person, entry.public_key, entry.name)

    def admit(self, entry: Entry, now_ms: int) -> Admitted:
        """Attach a connection; the room is unchanged if this raises."""
        claim = self._claim(entry)
        proved = claim.proves(entry)
        if claim.person is None:
            admitted = self._add(entry, claim.identity, now_ms)
        else:
            token_is_good = claim.identity == claim.person.identity
            admitted = Admitted(claim.person, False, token_is_good, ())
        person = admitted.person
        person.connections[entry.connection_id] = proved
        person.lost_ms = None
        self.connections[entry.connection_id] = person
        if entry.as_creator and proved and self.creator is None:
            self.creator = person.identity
        if claim.person is not None and proved and not entry.is_return:
            return admitted._replace(events=self._update(person, entry))
        return admitted

    def _claim(self, entry: Entry) -> _Claim:
        """Who the entry is allowed to be.

        Raises:
            AppError: FORBIDDEN, USER_ID_TAKEN, ROOM_LOCKED, ROOM_FULL, NOT_A_MEMBER.
        """
        here = self.connections.get(entry.connection_id)
        identity = self._tokens.get(entry.token_hash) if entry.token_hash else None
        if here is not None:
            if here.member.user_id != entry.user_id:
                raise refusals.somebody_else()
            return _Claim(here, identity)
        person = self.people.get(entry.user_id)
        if person and identity == person.identity:
            return _Claim(person, identity)
        if person and _same_key(person, entry) and not self.locked:
            return _Claim(person, identity)
        if entry.is_return and identity is None:
            raise refusals.not_a_member()
        elsewhere = self._holder(identity)
        if self.locked and identity is None:
            raise refusals.room_locked()
        if (person and person.is_live) or (elsewhere and elsewhere.is_live):
            raise refusals.user_id_taken()
        places_freed = len({id(leaver) for leaver in (person, elsewhere) if leaver})
        if len(self.people) - places_freed >= self.policy.capacity:
            raise refusals.room_full(self.policy.capacity)
        return _Claim(None, identity)

    def _add(self, entry: Entry, identity: Identity | None, now_ms: int) -> Admitted:
        """Make a member; whoever was lost under this id or identity leaves for good."""
        leavers = {id(p): p for p in (self.people.get(entry.user_id), self._holder(identity)) if p}
        left = [
            self.drop(leaver, LeaveReason.LOST, now_ms, entry.connection_id)
            for leaver in leavers.values()
        ]
        member = _new_member(entry, now_ms)
        person = Person(member, identity or entry.new_identity)
        self.people[entry.user_id] = person
        self._people_bytes += person.held_bytes
        if identity is None:
            self._remember(entry.new_token_hash, entry.new_identity)
        joined = MemberJoined(
            room_id=self.room_id,
            skip=entry.connection_id,
            seq=self.next_seq(),
            user_id=entry.user_id,
            name=member.name,
            joined_ms=now_ms,
        )
        events = (*left, joined, self._members_changed(entry.connection_id))
        return Admitted(person, identity is None, identity is not None, events)

    def _update(self, person: Person, entry: Entry) -> tuple[RoomEvent, ...]:
        if not self.change(person, entry.public_key, entry.name):
            return ()
        return (self._members_changed(entry.connection_id),)

    def change(self, person: Person, public_key: Opaque | None, name: str | None) -> bool:
        """Replace what is given of a member; False if that changes nothing."""
        new = _changed(person.member, public_key, name)
        if new == person.member:
            return False
        self._people_bytes -= person.held_bytes
        person.member = new
        self._people_bytes += person.held_bytes
        self.next_seq()
        return True

    def change_bytes(self, person: Person, public_key: Opaque | None, name: str | None) -> int:
        """By how much such a `change` would make the room grow."""
        return member_bytes(_changed(person.member, public_key, name)) - person.held_bytes

    # --- going out ---

    def detach(self, connection_id: ConnectionId, now_ms: int) -> Person:
        person = self.connections.pop(connection_id)
        del person.connections[connection_id]
        if not person.is_live:
            person.lost_ms = now_ms
        return person

    def drop(
        self,
        person: Person,
        reason: LeaveReason,
        now_ms: int,
        skip: ConnectionId | None = None,
    ) -> MemberLeft:
        for connection_id in person.connections:
            del self.connections[connection_id]
        del self.people[person.member.user_id]
        self._people_bytes -= person.held_bytes
        return MemberLeft(
            room_id=self.room_id,
            skip=skip,
            seq=self.next_seq(),
            user_id=person.member.user_id,
            reason=reason,
            left_ms=now_ms,
        )

    def leave(self, person: Person, reason: LeaveReason, now_ms: int) -> tuple[RoomEvent, ...]:
        return (self.drop(person, reason, now_ms), self._members_changed(None))

    def knows(self, token_hash: bytes) -> bool:
        return token_hash in self._tokens

    def void_tokens(self, identity: Identity) -> None:
        for token_hash in [token for token, owner in self._tokens.items() if owner == identity]:
            del self._tokens[token_hash]

    # --- inside ---

    def _members_changed(self, skip: ConnectionId | None) -> MembersChanged:
        return MembersChanged(room_id=self.room_id, skip=skip, members=self.members())

    def _holder(self, identity: Identity | None) -> Person | None:
        if identity is None:
            return None
        return next((p for p in self.people.values() if p.identity == identity), None)

    def _remember(self, token_hash: bytes, identity: Identity) -> None:
        self._tokens[token_hash] = identity
        if len(self._tokens) <= _TOKENS_PER_PLACE * self.policy.capacity:
            return
        kept = {person.identity for person in self.people.values()} | {self.creator}
        oldest = next((token for token, owner in self._tokens.items() if owner not in kept), None)
        if oldest is not None:
            del self._tokens[oldest]


def _new_member(entry: Entry, now_ms: int) -> Member:
    return Member(entry.user_id, entry.name or str(entry.user_id), entry.public_key, now_ms)


def _changed(member: Member, public_key: Opaque | None, name: str | None) -> Member:
    return structs.replace(
        member, public_key=public_key or member.public_key, name=name or member.name
    )


def _same_key(person: Person, entry: Entry) -> bool:
    return entry.public_key is not None and entry.public_key == person.member.public_key
