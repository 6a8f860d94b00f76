"""Which connections of this process may be restored after a drop, by whom, and how they stand."""

import hashlib
from collections.abc import Callable, Iterable, Mapping

from msgspec import structs

from server.core.clock import Clock
from server.core.errors import AppError
from server.core.events import ConnectionAttached, GroupEntered, Member
from server.core.ids import ConnectionId, RoomId, UserId, new_secret
from server.core.kinds import Kind
from server.core.ports import Entry, Joined, RecoveryStore, Session, Standing

REFRESH_MS = 60_000
"""From one time that the sessions of open connections are put off to the next."""

MAX_ROOMS = 64
"""Of a connection that can be restored."""

DOUBT_MS = 15_000
"""For all that lies between an event and the client, besides the pings that find a dead line."""

_NAMES_A_CALL = 500


class _Open:
    """An open connection that may be restored.

    Attributes:
        name: Of its session.
        ended: Rooms that it was put out of, as long as its client may not have heard of that.
        is_kept: The store has it.
    """

    __slots__ = ("ended", "is_kept", "line", "name", "rooms", "user_id")

    def __init__(self, name: bytes, line: str) -> None:
        self.name = name
        self.line = line
        self.user_id: UserId | None = None
        self.rooms: dict[RoomId, Standing] = {}
        self.ended: tuple[Standing, ...] = ()
        self.is_kept = False


class Recoveries:
    """Keeps the sessions of connections in step with what becomes of them.

    A session is kept from the first room on: nothing else of a connection could be lost.

    Args:
        kept_ms: For so long after a drop; 0 for not at all.
        doubt_ms: Whoever is connected for so long after something has heard of it.

    Attributes:
        stale: Connections whose sessions are to be saved.
    """

    def __init__(
        self, store: RecoveryStore, clock: Clock, kept_ms: int, doubt_ms: int = DOUBT_MS
    ) -> None:
        self._store = store
        self._clock = clock
        self._kept_ms = kept_ms
        self._doubt_ms = doubt_ms
        self._doubtful: dict[ConnectionId, int] = {}  # since when, the first first
        self._open: dict[ConnectionId, _Open] = {}
        self._refresh_ms = clock.now_ms() + REFRESH_MS
        self._tell: Callable[[ConnectionId], None] = lambda connection_id: None
        self.stale: set[ConnectionId] = set()

    @property
    def is_on(self) -> bool:
        return self._kept_ms > 0

    def subscribe(self, tell: Callable[[ConnectionId], None]) -> None:
        """Have `tell` called of each connection that has come back on another line."""
        self._tell = tell

    # --- coming and going ---

    def begin(self, connection_id: ConnectionId, line: str) -> str:
        """Let a new connection be restored, by the secret that its client is to be given."""
        pid = new_secret()
        self._open[connection_id] = _Open(_name(pid), line)
        return pid

    async def take(self, pid: str, line: str) -> Session | None:
        """What is to be restored for whoever shows this secret; None if nothing is.

        Raises:
            AppError: UNAVAILABLE.
        """
        return await self._store.take(_name(pid), line, self._clock.now_ms())

    async def resume(self, pid: str, session: Session, rooms: Iterable[Standing]) -> None:
        """Go on with a session that was taken, on the line that has it now.

        Raises:
            AppError: UNAVAILABLE.
        """
        held = _Open(_name(pid), session.line)
        held.user_id = session.user_id
        held.rooms = {standing.room_id: standing for standing in rooms}
        self._open[session.connection_id] = held
        await self.save(session.connection_id)

    async def give_up(self, pid: str, line: str) -> None:
        """Forget what a line has taken, since it cannot be restored."""
        await self._store.forget(_name(pid), line)

    def drop(self, connection_id: ConnectionId) -> None:
        """Restore a connection no more from here: another line has it, or is about to."""
        self._open.pop(connection_id, None)
        self.stale.discard(connection_id)
        self._doubtful.pop(connection_id, None)

    async def end(self, connection_id: ConnectionId, *, is_lost: bool) -> bool:
        """Note that a line has ended.

        Returns:
            Whether its connection has ended with it; else it goes on over another line.

        Raises:
            AppError: UNAVAILABLE.
        """
        held = self._open.get(connection_id)
        if held is None:
            return True
        try:
            if not is_lost:
                return not held.is_kept or await self._store.forget(held.name, held.line)
            if connection_id in self.stale:
                await self.save(connection_id)
            if not held.is_kept:
                return True
            now_ms = self._clock.now_ms()
            return not await self._store.hold({held.name: held.line}, self._kept_ms, now_ms)
        finally:
            self.drop(connection_id)

    # --- what becomes of a connection ---

    def signed(self, connection_id: ConnectionId, user_id: UserId | None) -> None:
        """A connection speaks for this user now."""
        held = self._open.get(connection_id)
        if held and held.user_id != user_id:
            held.user_id = user_id
            self._change(connection_id, held)

    def attached(self, event: ConnectionAttached, place: int) -> None:
        """A connection hears of a room, of which it knows all up to that place."""
        held = self._open.get(event.connection_id)
        if held is None or event.room_id in held.rooms:
            return
        held.ended = tuple(one for one in held.ended if one.room_id != event.room_id)
        held.rooms[event.room_id] = Standing(
            room_id=event.room_id,
            user_id=event.user_id,
            kind=event.kind,
            place=place,
            has_asked=not isinstance(event, GroupEntered),
        )
        self._change(event.connection_id, held)

    def detached(self, connection_id: ConnectionId, room_id: RoomId) -> None:
        """A connection has left a room, by its own wish."""
        held = self._open.get(connection_id)
        if held and held.rooms.pop(room_id, None):
            self._change(connection_id, held)

    def put_out(self, connection_id: ConnectionId, room_id: RoomId, place: int) -> None:
        """A connection was put out of a room by what has that place in its log.

        It may have dropped already: who has not heard of it must not be told that all is as it was.
        """
        held = self._open.get(connection_id)
        known = held.rooms.pop(room_id, None) if held else None
        if held is None or known is None:
            return
        now_ms = self._clock.now_ms()
        ended = structs.replace(known, ended_place=place, ended_ms=now_ms)
        held.ended = (*held.ended, ended)[-MAX_ROOMS:]
        self._doubtful.setdefault(connection_id, now_ms)
        self._change(connection_id, held)

    def moved(self, connection_id: ConnectionId, room_id: RoomId | None) -> None:
        """A client is being answered that its user is in this group, or in none."""
        held = self._open.get(connection_id)
        if held is None:
            return
        left = [one for one in held.rooms.values() if _is_other_group(one, room_id)]
        for standing in left:
            del held.rooms[standing.room_id]
        held.ended = tuple(one for one in held.ended if not _is_other_group(one, room_id))
        self._change(connection_id, held)

    def entered(self, entry: Entry, joined: Joined) -> None:
        """A connection has joined a room, and can do so again in this way."""
        shown = entry.new_token_hash if joined.is_new else entry.token_hash
        proof = {"token_hash": shown} if joined.is_new or joined.token_is_good else {}
        whole = {"key_hash": entry.key_hash, "has_asked": True, **proof}
        self._replace(entry.connection_id, entry.room_id, joined.members, whole)

    def changed(
        self, connection_id: ConnectionId, room_id: RoomId, members: Iterable[Member]
    ) -> None:
        """A connection has changed the name or the key of its member."""
        self._replace(connection_id, room_id, members, {})

    # --- keeping ---

    async def save(self, connection_id: ConnectionId) -> None:
        """Keep a session as it is now.

        Raises:
            AppError: UNAVAILABLE; then it is still `stale`.
        """
        held = self._open.get(connection_id)
        if held is None:
            self.stale.discard(connection_id)
            return
        rooms = (*held.rooms.values(), *held.ended)
        if not rooms or len(held.rooms) > MAX_ROOMS:
            if held.is_kept:
                await self._store.forget(held.name, held.line)
            held.is_kept = False
            self.stale.discard(connection_id)
            return
        session = Session(
            connection_id=connection_id,
            line=held.line,
            user_id=held.user_id,
            rooms=rooms,
        )
        self.stale.discard(connection_id)
        try:
            held.is_kept = await self._store.keep(held.name, session, *self._while_open())
        except AppError:
            self.stale.add(connection_id)
            raise
        if not held.is_kept:
            self._tell(connection_id)

    async def expire(self) -> None:
        """Save what is not yet, put off the end of open connections' sessions, forget others."""
        now_ms = self._clock.now_ms()
        self._trust(now_ms - self._doubt_ms)
        for connection_id in tuple(self.stale):
            await self.save(connection_id)
        if now_ms >= self._refresh_ms:
            await self._refresh()
            self._refresh_ms = now_ms + REFRESH_MS
        await self._store.expire(now_ms)

    def _trust(self, until_ms: int) -> None:
        """Forget what whoever is still connected has heard of."""
        while self._doubtful:
            connection_id, since_ms = next(iter(self._doubtful.items()))
            if since_ms > until_ms:
                break
            del self._doubtful[connection_id]
            held = self._open[connection_id]
            held.ended = tuple(one for one in held.ended if one.ended_ms > until_ms)
            if held.ended:
                self._doubtful[connection_id] = held.ended[0].ended_ms
            self._change(connection_id, held)

    async def _refresh(self) -> None:
        owners = {held.name: one for one, held in self._open.items() if held.is_kept}
        names = tuple(owners)
        for start in range(0, len(names), _NAMES_A_CALL):
            some = names[start : start + _NAMES_A_CALL]
            lines = {name: held.line for name in some if (held := self._open.get(owners[name]))}
            for name in await self._store.hold(lines, *self._while_open()):
                self._tell(owners[name])

    def _while_open(self) -> tuple[int, int]:
        """For how long a session is kept, and from when on; one refresh may fail or be late."""
        return self._kept_ms + 2 * REFRESH_MS, self._clock.now_ms()

    def _change(self, connection_id: ConnectionId, held: _Open) -> None:
        if held.rooms or held.ended or held.is_kept:
            self.stale.add(connection_id)

    def _replace(
        self,
        connection_id: ConnectionId,
        room_id: RoomId,
        members: Iterable[Member],
        changes: Mapping[str, object],
    ) -> None:
        held = self._open.get(connection_id)
        known = held.rooms.get(room_id) if held else None
        if held is None or known is None:
            return
        member = next((one for one in members if one.user_id == known.user_id), None)
        shown = {"name": member.name, "public_key": member.public_key} if member else {}
        held.rooms[room_id] = structs.replace(known, **{**shown, **changes})
        self._change(connection_id, held)


def _is_other_group(standing: Standing, room_id: RoomId | None) -> bool:
    return standing.kind is Kind.RANDOM and standing.room_id != room_id


def _name(pid: str) -> bytes:
    # The secret is 256 random bits: a plain hash cannot be searched.
    return hashlib.sha256(pid.encode()).digest()
