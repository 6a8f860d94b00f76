"""Ends the connections of accounts whose sign-in has ended, on whichever process that was done."""

from itertools import islice

from server.core.clock import Clock
from server.core.errors import AppError, Code
from server.core.identity import User
from server.core.ids import ConnectionId, UserId
from server.core.ports import Sessions, UserBroker
from server.core.signins import SignIns
from server.core.user_events import DeviceRevoked, MailWaits, SignInsEnded, UserEvent

LOOK_INTERVAL_MS = 30_000
"""After which the store is asked about each connection again, whatever was heard."""

LOOKED_AT_ONCE = 2_000
"""Sign-ins that the store is asked about in one round."""

ENDED = "the sign-in has ended; sign in again"


class Revocations:
    """A `Watcher` of connections: those of accounts end with their sign-in.

    That happens at once where it is heard. But what is heard is a hint, which may be lost, and
    the store is the truth: it is asked when something may have been lost, and now and then.
    """

    def __init__(self, sessions: Sessions, users: UserBroker, clock: Clock) -> None:
        self._sessions = sessions
        self._users = users
        self._clock = clock
        self._books: list[SignIns] = []
        self._connections: dict[UserId, set[ConnectionId]] = {}
        self._due: dict[ConnectionId, None] = {}  # to be looked at, the first first
        self._looks_next_ms = 0

    def watch(self, sign_ins: SignIns) -> None:
        """See to the connections of these, too."""
        self._books.append(sign_ins)
        sign_ins.watch(self)

    def listen(self) -> None:
        """Hear what ends, after those who have to say something to whom it ends."""
        self._users.subscribe(self._hear, self._look_at_all)

    # --- as a watcher ---

    async def arrived(self, user: User, connection_id: ConnectionId) -> None:
        if user.family_id is None:
            return
        self._connections.setdefault(user.user_id, set()).add(connection_id)
        await self._users.hear(user.user_id)
        # It may have ended before that could be heard.
        if not await self._sessions.standing((user.family_id,)):
            raise AppError(Code.UNAUTHENTICATED, ENDED)

    async def lapsed(self, user_id: UserId, connection_id: ConnectionId) -> None:
        self._forget(user_id, connection_id)

    async def departed(
        self, user_id: UserId, connection_id: ConnectionId, *, is_lost: bool
    ) -> None:
        self._forget(user_id, connection_id)

    def _forget(self, user_id: UserId, connection_id: ConnectionId) -> None:
        connections = self._connections.get(user_id, set())
        if connection_id in connections:
            connections.discard(connection_id)
            self._users.unhear(user_id)
        if not connections:
            self._connections.pop(user_id, None)

    # --- what is heard ---

    def _hear(self, user_id: UserId, event: UserEvent) -> None:
        connections = self._connections.get(user_id, ())
        if isinstance(event, MailWaits):  # something was lost, and it may have been an end
            self._due |= dict.fromkeys(connections)
        elif isinstance(event, DeviceRevoked | SignInsEnded):
            for connection_id in list(connections):
                user = self._user_of(connection_id)
                if user and event.ends(user.device_id, user.family_id):
                    self._end(connection_id)

    def _look_at_all(self) -> None:
        for connections in self._connections.values():
            self._due |= dict.fromkeys(connections)

    # --- what the store says ---

    async def expire(self) -> None:
        """Ask the store about those who are due.

        Raises:
            AppError: UNAVAILABLE; they stay due.
        """
        now_ms = self._clock.now_ms()
        if now_ms >= self._looks_next_ms:
            self._looks_next_ms = now_ms + LOOK_INTERVAL_MS
            self._look_at_all()
        if some := list(islice(self._due, LOOKED_AT_ONCE)):
            await self._look_at(some)

    async def _look_at(self, some: list[ConnectionId]) -> None:
        families = {one: self._family_of(one) for one in some}
        standing = await self._sessions.standing(sorted({one for one in families.values() if one}))
        for connection_id, family_id in families.items():
            self._due.pop(connection_id, None)
            # It may have gone on with a newer token meanwhile.
            is_same = family_id == self._family_of(connection_id)
            if family_id and is_same and family_id not in standing:
                self._end(connection_id)

    def _end(self, connection_id: ConnectionId) -> None:
        for book in self._books:
            book.end(connection_id, ENDED)

    def _family_of(self, connection_id: ConnectionId) -> str | None:
        user = self._user_of(connection_id)
        return user.family_id if user else None

    def _user_of(self, connection_id: ConnectionId) -> User | None:
        found = (book.user_of(connection_id) for book in self._books)
        return next((user for user in found if user), None)
