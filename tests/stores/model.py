"""What a store of rooms ought to answer, said as plainly as possible and without any bytes."""

from msgspec import Struct, field

from server.core.errors import Code
from server.core.events import MessageSent
from server.core.kinds import Policy


class Person(Struct, kw_only=True):
    """A member; `identity` is the token hash that it was first given."""

    user_id: str
    identity: bytes
    key: str | None
    connections: dict[str, bool] = field(default_factory=dict)  # -> has proved to be it
    lost_ms: int = 0


class Said(Struct):
    """A message; `readers` are the identities that may read it, None for everybody."""

    event: MessageSent
    sender: bytes
    readers: set[bytes] | None


class Wish(Struct, kw_only=True):
    """Who wants to come in, and what it shows."""

    user_id: str
    connection_id: str
    key_hash: bytes | None
    as_creator: bool
    key: str | None
    token: bytes | None


class Room(Struct, kw_only=True):
    """One room; `said` is everything that was ever said in it."""

    policy: Policy
    key_hash: bytes | None
    active_ms: int
    seq: int = 0
    locked: bool = False
    creator: bytes | None = None
    people: dict[str, Person] = field(default_factory=dict)
    tokens: set[bytes] = field(default_factory=set)
    said: list[Said] = field(default_factory=list)

    # --- coming in ---

    def refusal(self, wish: Wish) -> Code | None:
        """Why this wish is refused, or None."""
        if self.key_hash not in (None, wish.key_hash):
            return Code.INVALID_KEY
        here = self.person_at(wish.connection_id)
        if here:
            return None if here.user_id == wish.user_id else Code.FORBIDDEN
        if self.known(wish):
            return None
        identity, displaced = self._proven(wish), self.displaced(wish)
        if self.locked and not identity:
            return Code.ROOM_LOCKED
        if any(person.connections for person in displaced):
            return Code.USER_ID_TAKEN
        if len(self.people) - len(displaced) >= self.policy.capacity:
            return Code.ROOM_FULL
        return None

    def known(self, wish: Wish) -> Person | None:
        """The member that this wish may join as, if there is one."""
        person = self.people.get(wish.user_id)
        if person is None:
            return None
        by_token = person.identity == self._proven(wish)
        by_key = wish.key is not None and person.key == wish.key and not self.locked
        by_connection = wish.connection_id in person.connections
        return person if by_token or by_key or by_connection else None

    def displaced(self, wish: Wish) -> list[Person]:
        """Whoever cannot be a member beside a new one of this user id or identity."""
        identity = self._proven(wish)
        return [
            person
            for person in self.people.values()
            if person.user_id == wish.user_id or person.identity == identity
        ]

    def admit(self, wish: Wish, new_token: bytes | None, now_ms: int) -> list[str]:
        """Let somebody in; answers what happens in the sequence, in words."""
        identity, person, happened = self._proven(wish), self.known(wish), []
        if person is None:
            for leaver in self.displaced(wish):
                happened.append(f"{leaver.user_id} left")
                del self.people[leaver.user_id]
            identity = identity or new_token
            assert identity
            person = Person(user_id=wish.user_id, identity=identity, key=wish.key)
            self.people[wish.user_id] = person
            self.tokens.add(identity)
            happened.append(f"{wish.user_id} joined")
        proved = person.connections.get(wish.connection_id, False) or identity == person.identity
        person.connections[wish.connection_id] = proved
        if proved and wish.key not in (None, person.key):
            person.key = wish.key
            happened.append("key changed")
        if wish.as_creator and proved:
            self.creator = self.creator or person.identity
        self.active_ms = now_ms
        return happened

    def _proven(self, wish: Wish) -> bytes | None:
        return wish.token if wish.token in self.tokens else None

    # --- inside ---

    def person_at(self, connection_id: str) -> Person | None:
        return next((p for p in self.people.values() if connection_id in p.connections), None)

    def rules(self, connection_id: str) -> bool:
        """Whether this connection has proved to be the creator."""
        person = self.person_at(connection_id)
        if person is None or not person.connections[connection_id]:
            return False
        return person.identity == self.creator

    def kept(self) -> list[Said]:
        return self.said[-self.policy.history_messages :]

    def readable(self, connection_id: str, since_seq: int) -> list[MessageSent]:
        person = self.person_at(connection_id)
        assert person
        reader = person.identity if person.connections[connection_id] else None
        return [
            said.event
            for said in self.kept()
            if said.event.seq > since_seq and (said.readers is None or reader in said.readers)
        ]

    def is_truncated(self, since_seq: int) -> bool:
        return any(
            said.event.seq > since_seq for said in self.said[: -self.policy.history_messages]
        )

    def was_another(self, wish: Wish, since_seq: int) -> bool:
        """Whether such a place in the sequence can only be one of an earlier room of this id."""
        has_foreign_token = wish.token is not None and wish.token not in self.tokens
        return since_seq > self.seq or (since_seq > 0 and has_foreign_token)

    def first(self, message_id: str) -> Said | None:
        return next((said for said in self.said if said.event.message_id == message_id), None)

    def is_forgotten(self, message_id: str) -> bool:
        """Said so long ago that a store need not know the id any longer."""
        recent = self.said[-2 * self.policy.history_messages :]
        return all(said.event.message_id != message_id for said in recent) and bool(
            self.first(message_id)
        )

    # --- going out ---

    def detach(self, connection_id: str, now_ms: int) -> Person:
        person = self.person_at(connection_id)
        assert person
        del person.connections[connection_id]
        person.lost_ms = now_ms
        return person

    def lost(self, now_ms: int) -> set[str]:
        """The user ids of those whose grace is over."""
        return {
            person.user_id
            for person in self.people.values()
            if not person.connections and person.lost_ms + self.policy.grace_ms <= now_ms
        }

    def is_idle(self, now_ms: int) -> bool:
        return self.active_ms + self.policy.idle_limit_ms <= now_ms
