"""Random groups: meet strangers, talk, move on, block, report."""

import hashlib
import hmac
import random
from collections.abc import Awaitable

from msgspec import Struct

from server.core import matching
from server.core.errors import AppError, Code
from server.core.events import (
    ConnectionLapsed,
    Group,
    MessageSent,
    TypingChanged,
)
from server.core.expired import Expired
from server.core.gone import Gone
from server.core.identity import User
from server.core.ids import ConnectionId, MessageId, RoomId, UserId, new_id
from server.core.kinds import Policy
from server.core.opaque import Opaque
from server.core.parts import Parts
from server.core.ports import (
    GroupPage,
    GroupTotals,
    HistoryPage,
    Matched,
    Post,
    Report,
    Reported,
    SavedKey,
    Wish,
)
from server.core.rates import charge, spend

KEPT_MS = 30 * 24 * 60 * 60_000
"""For so long after their last visit users' keys and blocks are kept; and reports."""


class Visitor(Struct, frozen=True):
    """Who asks: a user, from an address, over a connection or (None) over HTTP."""

    user: User
    address: str
    connection_id: ConnectionId | None


class Groups:
    """Random groups of an installation.

    Args:
        policy: Of groups; its capacity is that of the largest.
        pepper: Mixed into the hashes of addresses.
        chance: For names and sizes.
    """

    def __init__(
        self, parts: Parts, policy: Policy, pepper: bytes, chance: random.Random | None = None
    ) -> None:
        self._parts = parts
        self._store = parts.groups
        self._policy = policy
        self._pepper = pepper
        self._chance = chance or random.SystemRandom()
        self._gone = Gone(parts.clock)

    # --- coming and going ---

    async def join(self, visitor: Visitor, public_key: Opaque | None, *, is_move: bool) -> Matched:
        """Find a group, or the one where one is; with `is_move` always another.

        Raises:
            AppError: See `GroupStore.match`; also RATE_LIMITED and PAYLOAD_TOO_LARGE.
        """
        self._check_key_size(public_key)
        now_ms = self._now_ms()
        rates = self._parts.rates
        await spend(self._parts.limiter, "join", visitor.address, rates.join, now_ms)
        await self._spend("match", visitor.user)
        wish = Wish(
            user_id=visitor.user.user_id,
            name=visitor.user.login,
            public_key=public_key,
            connection_id=visitor.connection_id,
            is_move=is_move,
            new_group=matching.new_group(self._policy.capacity, now_ms, self._chance),
            connect_by_ms=now_ms + matching.CONNECT_MS,
            apart_until_ms=now_ms + matching.APART_MS,
            forget_ms=self._forget_ms(visitor.user),
        )
        matched = await self._store.match(wish, now_ms)
        self._note_group(visitor, matched.group.room_id)
        await self._parts.relay.follow(*matched.events)
        if matched.events and not matched.is_new:
            await self._charge_for_key(visitor.user, now_ms)
        return matched

    async def current(self, user: User) -> Group | None:
        """The group in which a user is."""
        return await self._store.current(user.user_id)

    async def leave(self, visitor: Visitor, room_id: RoomId) -> None:
        now_ms = self._now_ms()
        events = await self._store.leave(
            room_id,
            visitor.user.user_id,
            visitor.connection_id,
            now_ms,
            now_ms + matching.APART_MS,
        )
        self._note_group(visitor, None)
        await self._parts.relay.follow(*events)

    # --- as a `Watcher` of who is signed in ---

    async def arrived(self, user: User, connection_id: ConnectionId) -> None:
        """Note a connection of a user; it hears of the user's group from now on."""
        events = await self._store.connect(user.user_id, connection_id, self._forget_ms(user))
        await self._parts.relay.follow(*events)

    async def lapsed(self, user_id: UserId, connection_id: ConnectionId) -> None:
        """Take a connection out of a user's group that is no longer the user's."""
        group = await self._store.current(user_id)
        now_ms = self._now_ms()
        goes_on = not await self._store.lose(connection_id, now_ms, now_ms)
        if group and not goes_on:
            lapsed = ConnectionLapsed(room_id=group.room_id, connection_id=connection_id)
            await self._parts.relay.publish(lapsed)

    async def departed(
        self, user_id: UserId, connection_id: ConnectionId, *, is_lost: bool
    ) -> None:
        """Note that a connection is gone; its user has the grace to come back.

        Where the store fails, `expire` tells it again.
        """
        with self._gone.telling(connection_id) as gone_ms:
            await self._lose(connection_id, gone_ms)

    # --- talking ---

    async def send(
        self,
        visitor: Visitor,
        room_id: RoomId,
        ciphertext: Opaque,
        *,
        to: UserId | None,
        content_type: str,
        message_id: MessageId | None,
    ) -> MessageSent:
        """Keep a message in the group's history and relay it; once for each message id.

        Raises:
            AppError: NOT_FOUND, RECIPIENT_NOT_FOUND, ID_CONFLICT, PAYLOAD_TOO_LARGE,
                RATE_LIMITED, SERVER_FULL.
        """
        limit_bytes = self._parts.bounds.ciphertext_bytes
        if ciphertext.size_bytes > limit_bytes:
            raise AppError(
                Code.PAYLOAD_TOO_LARGE, f"a message may have {limit_bytes} bytes; send it in parts"
            )
        await self._spend("send", visitor.user)
        post = Post(
            room_id=room_id,
            sender=visitor.user.user_id,
            connection_id=visitor.connection_id,
            message_id=message_id or MessageId(new_id()),
            recipient=to,
            ciphertext=ciphertext,
            content_type=content_type,
        )
        appended = await self._store.append(post, self._now_ms())
        await self._parts.relay.said(appended)
        return appended.event

    async def history(
        self, user: User, room_id: RoomId, before: MessageId | None, limit: int
    ) -> HistoryPage:
        return await self._store.history(room_id, user.user_id, before, limit)

    async def set_typing(self, visitor: Visitor, room_id: RoomId, is_typing: bool) -> None:
        """Tell the others that one is, or is no longer, typing; keeps the group alive."""
        user_id = visitor.user.user_id
        name = await self._store.touch(room_id, user_id, self._now_ms())
        await self._parts.relay.publish(
            TypingChanged(
                room_id=room_id,
                skip=visitor.connection_id,
                user_id=user_id,
                is_typing=is_typing,
                name=name,
            )
        )

    # --- against abuse ---

    async def block(self, user: User, blocked: UserId) -> None:
        """Meet somebody no more in groups to come, and get no private messages from them."""
        await self._store.block(user.user_id, blocked, self._forget_ms(user))

    async def unblock(self, user: User, blocked: UserId) -> None:
        await self._store.unblock(user.user_id, blocked)

    async def report(
        self,
        visitor: Visitor,
        room_id: RoomId,
        user_id: UserId,
        reason: str,
        evidence: Opaque | None,
    ) -> Reported:
        """Report a member to the operators, and block it; enough reports remove it.

        Raises:
            AppError: See `GroupStore.report`; also RATE_LIMITED and PAYLOAD_TOO_LARGE.
        """
        limit_bytes = self._parts.bounds.evidence_bytes
        if evidence and evidence.size_bytes > limit_bytes:
            raise AppError(Code.PAYLOAD_TOO_LARGE, f"evidence may have {limit_bytes} bytes")
        now_ms = self._now_ms()
        rates, limiter = self._parts.rates, self._parts.limiter
        await spend(limiter, "report from", visitor.address, rates.address_report, now_ms)
        await self._spend("report", visitor.user)
        report = Report(
            report_id=new_id(),
            room_id=room_id,
            reporter=visitor.user.user_id,
            user_id=user_id,
            reason=reason,
            evidence=evidence,
            created_ms=now_ms,
        )
        mark = hmac.digest(self._pepper, visitor.address.encode(), hashlib.sha256)
        reported = await self._store.report(report, mark, now_ms, now_ms + KEPT_MS)
        await self._parts.relay.follow(*reported.events)
        return reported

    # --- about users ---

    async def key_of(self, asker: User, user_id: UserId) -> SavedKey:
        """The public key that a user had last; guests are told those of their group alone.

        Raises:
            AppError: NOT_FOUND, also for who has blocked the asker; RATE_LIMITED.
        """
        await self._spend("lookup", asker)
        saved = await self._store.key_of(user_id, asker.user_id, in_group=asker.is_guest)
        if saved is None:
            raise AppError(Code.NOT_FOUND, "no public key is known of a user of that id")
        return saved

    # --- for operators, and on a schedule ---

    async def totals(self, address: str) -> GroupTotals:
        """How many groups and members there are.

        Raises:
            AppError: RATE_LIMITED.
        """
        rate, now_ms = self._parts.rates.totals, self._now_ms()
        await spend(self._parts.limiter, "totals", address, rate, now_ms)
        return await self._store.totals()

    async def page(self, start: int, limit: int) -> GroupPage:
        return await self._store.page(start, limit)

    async def reports(self, after: str | None, limit: int) -> tuple[Report, ...]:
        return await self._store.reports(after, limit)

    async def expire(self) -> Expired:
        """Let users leave who are lost, and forget what is idle, when it is time."""
        now_ms = self._now_ms()
        # Each is told before the next is tried, which may fail.
        lost = await self._store.expire_lost(now_ms)
        await self._parts.relay.follow(*lost)
        idle = await self._store.expire_idle(now_ms)
        await self._parts.relay.follow(*idle)
        await self._gone.tell_again(self._lose)
        return Expired.of(idle, lost)

    # --- inside ---

    def _now_ms(self) -> int:
        return self._parts.clock.now_ms()

    def _note_group(self, visitor: Visitor, room_id: RoomId | None) -> None:
        """The connection that asks is being answered which group it is in."""
        if visitor.connection_id:
            self._parts.recoveries.moved(visitor.connection_id, room_id)

    async def _lose(self, connection_id: ConnectionId, gone_ms: int) -> None:
        await self._store.lose(connection_id, gone_ms, gone_ms + self._policy.grace_ms)

    def _forget_ms(self, user: User) -> int:
        """Nobody is a guest again whose token has run out."""
        if user.is_guest and user.expires_ms is not None:
            return user.expires_ms
        return self._now_ms() + KEPT_MS

    async def _charge_for_key(self, user: User, now_ms: int) -> None:
        """Each new key goes to all members, and has them all make new keys."""
        key = ("match of", user.user_id)
        rate = self._parts.rates.match
        await charge(self._parts.limiter, key, rate, matching.NEW_KEY_COST, now_ms)

    def _spend(self, what: str, user: User) -> Awaitable[None]:
        rate = getattr(self._parts.rates, what)
        return spend(self._parts.limiter, f"{what} of", user.user_id, rate, self._now_ms())

    def _check_key_size(self, public_key: Opaque | None) -> None:
        limit_bytes = self._parts.bounds.public_key_bytes
        if public_key and public_key.size_bytes > limit_bytes:
            raise AppError(Code.PAYLOAD_TOO_LARGE, f"a public key may have {limit_bytes} bytes")
