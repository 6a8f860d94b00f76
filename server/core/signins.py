"""Which live connections of this process speak for which user, and until when."""

import heapq
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from server.core.clock import Clock
from server.core.errors import AppError, Code
from server.core.events import (
    ConnectionEvent,
    SignedIn,
    SignedOut,
    SignInEnded,
    SignInExpired,
)
from server.core.identity import User
from server.core.ids import ConnectionId, UserId

RENEWAL_LIMIT_MS = 60_000
"""For a connection whose token has run out to show another one of the same user."""


_SPARE = 1_000
"""Entries of the heap that may hold no longer, besides as many as there are connections."""


class Watcher(Protocol):
    """Whoever has to know which users are here. It is told in order, for each connection.

    A connection comes once, and then either lapses or departs, once. It may depart without
    having come, if a watcher failed when it was told.
    """

    async def arrived(self, user: User, connection_id: ConnectionId) -> None:
        """A connection speaks for this user now: it has just opened, or has just signed in.

        What is published here reaches the client after its CONNECT, and before the
        acknowledgement of what it signed in by. If this raises, the connection is nobody's:
        all watchers hear that it departed, and it may sign in again.
        """
        ...

    async def lapsed(self, user_id: UserId, connection_id: ConnectionId) -> None:
        """The token ran out and was not renewed in time; the connection is nobody's now.

        As long as this raises, it is called again.
        """
        ...

    async def departed(
        self, user_id: UserId, connection_id: ConnectionId, *, is_lost: bool
    ) -> None:
        """The connection has ended.

        Args:
            is_lost: It ended without a goodbye, and its user may come back.
        """
        ...


class _SignIn(Struct):
    """What is held of a connection.

    Attributes:
        due_ms: When its token runs out, or the time to renew it; None for never.
        has_expired: The token has; it is the time to renew it.
        is_lapsing: That is over too, and the watchers are being told.
    """

    user: User
    due_ms: int | None
    has_expired: bool = False
    is_lapsing: bool = False


class SignIns:
    """Signs connections in, and out when their token has run out."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._watchers: list[Watcher] = []
        self._tell: Callable[[ConnectionEvent], None] = lambda event: None
        self._renewed: Callable[[User, ConnectionId], None] = lambda user, connection_id: None
        self._held: dict[ConnectionId, _SignIn] = {}
        self._due: list[tuple[int, ConnectionId]] = []  # a heap, with some that hold no longer

    def watch(self, watcher: Watcher) -> None:
        """Have somebody told from now on, after those who watch already."""
        self._watchers.append(watcher)

    def on_renewed(self, told: Callable[[User, ConnectionId], None]) -> None:
        """Have it called, without ever waiting in it, when a user shows another token."""
        self._renewed = told

    def subscribe(self, tell: Callable[[ConnectionEvent], None]) -> None:
        """Have `tell` called with what happens to connections, without ever waiting in it."""
        self._tell = tell

    async def open(self, user: User, connection_id: ConnectionId) -> None:
        """Sign in a connection that has just opened, if its token has not run out."""
        if user.expires_ms is not None and user.is_expired(self._clock.now_ms()):
            self._tell(SignInExpired(connection_id=connection_id, expired_ms=user.expires_ms))
        else:
            await self.renew(user, connection_id)

    async def renew(self, user: User, connection_id: ConnectionId) -> None:
        """Sign in a connection that speaks for nobody, or go on with a newer token.

        Raises:
            AppError: FORBIDDEN if it speaks for somebody else; UNAVAILABLE if it is just
                being signed out.
        """
        before = self._held.get(connection_id)
        if before and before.is_lapsing:
            raise AppError(Code.UNAVAILABLE, "the old token has just run out; try again")
        if before and _account_of(before.user) != _account_of(user):
            raise AppError(Code.FORBIDDEN, "this connection is another user's; open one more")
        self._hold(connection_id, _SignIn(user, user.expires_ms))
        self._tell(SignedIn(connection_id=connection_id, user=user))
        if before is None:
            await self._arrive(user, connection_id)
        else:
            self._renewed(user, connection_id)

    def user_of(self, connection_id: ConnectionId) -> User | None:
        """For whom a connection speaks, or did until its token ran out just now."""
        held = self._held.get(connection_id)
        return held.user if held else None

    def end(self, connection_id: ConnectionId, reason: str) -> None:
        """Have a connection end, if it speaks for somebody."""
        if connection_id in self._held:
            self._tell(SignInEnded(connection_id=connection_id, reason=reason))

    async def depart(self, connection_id: ConnectionId, *, is_lost: bool) -> None:
        """Forget a connection that has ended."""
        if held := self._held.pop(connection_id, None):
            for watcher in self._watchers:
                await watcher.departed(held.user.user_id, connection_id, is_lost=is_lost)

    async def _arrive(self, user: User, connection_id: ConnectionId) -> None:
        try:
            for watcher in self._watchers:
                await watcher.arrived(user, connection_id)
        except BaseException:
            self._tell(SignedOut(connection_id=connection_id))
            await self.depart(connection_id, is_lost=True)
            raise

    async def expire(self) -> None:
        """Sign out whose token has run out; let those lapse who did not renew it in time."""
        now_ms = self._clock.now_ms()
        while self._due and self._due[0][0] <= now_ms:
            due_ms, connection_id = heapq.heappop(self._due)
            held = self._held.get(connection_id)
            if held is None or held.due_ms != due_ms:
                continue  # it has gone, or has another token
            if held.has_expired:
                await self._lapse(connection_id, held)
            else:
                self._tell(SignInExpired(connection_id=connection_id, expired_ms=due_ms))
                late = _SignIn(held.user, now_ms + RENEWAL_LIMIT_MS, has_expired=True)
                self._hold(connection_id, late)

    async def _lapse(self, connection_id: ConnectionId, held: _SignIn) -> None:
        held.is_lapsing = True
        try:
            for watcher in self._watchers:
                await watcher.lapsed(held.user.user_id, connection_id)
        except BaseException:
            if connection_id in self._held:  # it may have departed meanwhile
                self._hold(connection_id, held)
            raise
        self._held.pop(connection_id, None)

    def _hold(self, connection_id: ConnectionId, sign_in: _SignIn) -> None:
        self._held[connection_id] = sign_in
        if sign_in.due_ms is not None:
            heapq.heappush(self._due, (sign_in.due_ms, connection_id))
        if len(self._due) > 2 * len(self._held) + _SPARE:
            self._drop_stale()

    def _drop_stale(self) -> None:
        """Who renews often must not fill the heap with what holds no longer."""
        self._due = [
            (held.due_ms, connection_id)
            for connection_id, held in self._held.items()
            if held.due_ms is not None
        ]
        heapq.heapify(self._due)


def _account_of(user: User) -> tuple[UserId, bool]:
    """Who it is: a user of another system is never the account of that id."""
    return user.user_id, user.is_account
