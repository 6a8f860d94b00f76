"""Which connections of this process hear of one workspace, and of which of its conversations."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from server.core.ids import ConnectionId, RoomId, UserId

MAX_MOVED = 2_000
"""Of whom it is known that they have come into a conversation, or gone, since this process hears
of it; those who did so longest ago are forgotten."""


class Reading:
    """What became of somebody's conversations while the store was asked which they are.

    Attributes:
        is_out: It is in the workspace no more.
    """

    def __init__(self, user_id: UserId) -> None:
        self.user_id = user_id
        self.is_out = False
        self._changes: dict[RoomId, bool] = {}

    def note(self, room_id: RoomId, *, is_in: bool) -> None:
        self._changes[room_id] = is_in

    def is_in(self, room_id: RoomId) -> bool:
        """Whether it is in a conversation that the store says it is in."""
        return self._changes.get(room_id, True)

    def settled(self, found: Iterable[RoomId]) -> set[RoomId]:
        """What the store has answered, with what happened since."""
        came = {room_id for room_id, is_in in self._changes.items() if is_in}
        return {room_id for room_id in found if self.is_in(room_id)} | came


class Company:
    """The connections here that have joined a workspace, or some of its conversations.

    Who is in which conversation follows what is told of it: no message costs a query.
    """

    def __init__(self) -> None:
        self._joined: defaultdict[UserId, dict[ConnectionId, None]] = defaultdict(dict)
        self._present: defaultdict[RoomId, dict[ConnectionId, UserId]] = defaultdict(dict)
        self._members: defaultdict[RoomId, set[UserId]] = defaultdict(set)
        self._readings: list[Reading] = []
        self._moved: dict[tuple[RoomId, UserId], None] = {}

    @property
    def is_empty(self) -> bool:
        return not (self._joined or self._present or self._readings)

    # --- coming ---

    @contextmanager
    def reading(self, user_id: UserId) -> Iterator[Reading]:
        """Note what happens to somebody while the store is asked."""
        reading = Reading(user_id)
        self._readings.append(reading)
        try:
            yield reading
        finally:
            self._readings.remove(reading)

    def join(self, connection_id: ConnectionId, user_id: UserId) -> None:
        """Have a connection hear of the workspace."""
        self._joined[user_id][connection_id] = None

    def set_rooms(self, user_id: UserId, rooms: set[RoomId]) -> None:
        """Somebody is in just these conversations; of no concern unless it has joined."""
        rooms = rooms if user_id in self._joined else set()
        for room_id in [one for one, members in self._members.items() if user_id in members]:
            if room_id not in rooms:
                self._forget_member(room_id, user_id)
        for room_id in rooms:
            self._members[room_id].add(user_id)

    def sit_down(self, connection_id: ConnectionId, user_id: UserId, room_id: RoomId) -> None:
        """Have a connection hear what those hear who are in a conversation right now."""
        self._present[room_id][connection_id] = user_id

    # --- going ---

    def get_up(self, connection_id: ConnectionId, room_id: RoomId) -> None:
        present = self._present.get(room_id, {})
        present.pop(connection_id, None)
        if not present:
            self._present.pop(room_id, None)

    def leave(self, connection_id: ConnectionId, user_id: UserId) -> None:
        """A connection hears of the workspace no more."""
        joined = self._joined.get(user_id, {})
        joined.pop(connection_id, None)
        if not joined:
            self._joined.pop(user_id, None)
            self.set_rooms(user_id, set())

    # --- what is told ---

    def moved(self, room_id: RoomId, users: Sequence[UserId]) -> tuple[UserId, ...]:
        """These have come into a conversation, or gone; which of them not for the first time.

        Of those nobody knows here which was first: what happened later may be told before.
        """
        again = tuple(one for one in users if (room_id, one) in self._moved)
        for user_id in users:
            self._moved.pop((room_id, user_id), None)
            self._moved[room_id, user_id] = None
        while len(self._moved) > MAX_MOVED:
            del self._moved[next(iter(self._moved))]
        return again

    def made(self, room_id: RoomId, users: Sequence[UserId]) -> None:
        """These are in a conversation now."""
        for reading in self._readings:
            if reading.user_id in users:
                reading.note(room_id, is_in=True)
        for user_id in users:
            if user_id in self._joined:
                self._members[room_id].add(user_id)

    def left(self, room_id: RoomId, users: Sequence[UserId]) -> list[ConnectionId]:
        """These are in a conversation no more; which connections were present there."""
        for reading in self._readings:
            if reading.user_id in users:
                reading.note(room_id, is_in=False)
        for user_id in users:
            self._forget_member(room_id, user_id)
        present = self._present.get(room_id, {})
        gone = [one for one, user_id in present.items() if user_id in users]
        for connection_id in gone:
            self.get_up(connection_id, room_id)
        return gone

    def put_out(self, user_id: UserId) -> list[ConnectionId]:
        """Somebody is in the workspace no more; which connections of it have heard of it."""
        for reading in self._readings:
            if reading.user_id == user_id:
                reading.is_out = True
        found = dict.fromkeys(self._joined.get(user_id, {}))
        for present in self._present.values():
            found |= dict.fromkeys(one for one, who in present.items() if who == user_id)
        return list(found)

    def _forget_member(self, room_id: RoomId, user_id: UserId) -> None:
        members = self._members.get(room_id, set())
        members.discard(user_id)
        if not members:
            self._members.pop(room_id, None)

    # --- who hears it ---

    def everybody(self) -> list[ConnectionId]:
        """Who has joined the workspace."""
        return [one for joined in self._joined.values() for one in joined]

    def of_users(self, users: Iterable[UserId]) -> list[ConnectionId]:
        """The same, of some users."""
        return [one for user_id in users for one in self._joined.get(user_id, ())]

    def people(self) -> dict[UserId, ConnectionId]:
        """Who is here in any way, each with one of its connections."""
        found = {who: one for here in self._present.values() for one, who in here.items()}
        return found | {user_id: next(iter(joined)) for user_id, joined in self._joined.items()}

    def strangers(self, user_id: UserId, rooms: set[RoomId]) -> list[tuple[ConnectionId, RoomId]]:
        """Where connections of somebody are present, but in these conversations."""
        return [
            (connection_id, room_id)
            for room_id, present in self._present.items()
            for connection_id, who in present.items()
            if who == user_id and room_id not in rooms
        ]

    def present(self, room_id: RoomId) -> dict[ConnectionId, UserId]:
        """Who is in a conversation right now."""
        return self._present.get(room_id, {})

    def audience(self, room_id: RoomId) -> dict[ConnectionId, UserId]:
        """Who hears of all in a conversation: whoever is present, and members who have joined the
        workspace, each connection once.
        """
        found = dict(self.present(room_id))
        for user_id in self._members.get(room_id, ()):
            for connection_id in self._joined.get(user_id, ()):
                found[connection_id] = user_id
        return found

    def hears(self, user_id: UserId, room_id: RoomId) -> bool:
        """Whether somebody who has joined the workspace hears of a conversation."""
        return user_id in self._members.get(room_id, ())

    def rooms_of(self, user_id: UserId) -> list[RoomId]:
        """The conversations that somebody hears of, in order."""
        joined = (one for one, members in self._members.items() if user_id in members)
        present = (one for one, here in self._present.items() if user_id in here.values())
        return sorted({*joined, *present})

    def rooms(self) -> set[RoomId]:
        """The conversations that somebody here hears of."""
        return {*self._present, *self._members}
