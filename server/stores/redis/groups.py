"""Random groups in Redis: `core.ports.GroupStore` for many processes.

All of it is under one tag, so that each method is one script, and every bound is exact.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from server.core.errors import AppError, Code
from server.core.events import ConnectionAttached, Group, RoomEvent
from server.core.ids import ConnectionId, MessageId, RoomId, UserId
from server.core.kinds import Policy
from server.core.limits import Bounds
from server.core.ports import (
    Appended,
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
from server.stores import group_refusals, refusals, sizes
from server.stores.redis import codec, keys
from server.stores.redis import group_answers as answers
from server.stores.redis.attachments import Attachments
from server.stores.redis.group_scripts import scripts_for
from server.stores.redis.joins import Joins
from server.stores.redis.leases import Leases
from server.stores.redis.link import Link, RefusedError, Value

_STEP = 32
"""Users, groups or reports with which one script deals: all others wait for it."""

_MAX_DOUBTS = 10_000

_SOME_GROUP = RoomId("")
"""The one that a connection comes into when it is noted."""

_HOLDING = {"match", "connect", "append", "block", "report"}
"""Those that hold more bytes only where there is a lease for them."""


class RedisGroups:
    """A `GroupStore` for one process of many.

    Args:
        attachments: Told from which place on connections of this process are to hear.
        node: The id of this process.
        leases: Of the bytes that groups may hold.
    """

    def __init__(
        self,
        link: Link,
        attachments: Attachments,
        node: str,
        policy: Policy,
        bounds: Bounds,
        leases: Leases,
    ) -> None:
        self._link = link
        self._attachments = attachments
        self._node = node
        self._leases = leases
        self._scripts = scripts_for(policy, bounds)
        self._refusals = _refusals(bounds)
        self._here: dict[ConnectionId, tuple[UserId, int]] = {}  # and when to forget the user
        self._connecting = Joins()
        self._may_connect: dict[ConnectionId, None] = {}  # of which no answer came
        self._in_doubt: dict[UserId, None] = {}  # whose match may have been done or not

    # --- coming in ---

    async def match(self, wish: Wish, now_ms: int) -> Matched:
        new, key = wish.new_group, wish.public_key
        is_again = wish.user_id in self._in_doubt
        try:
            is_new, group, place, told = await self._run(
                "match", self._node, codec.written(wish.user_id), wish.name,
                *answers.key_arguments(key), wish.connection_id or "", int(wish.is_move),
                new.room_id, new.name, new.capacity,
                wish.connect_by_ms, wish.apart_until_ms, wish.forget_ms, now_ms, int(is_again),
            )  # fmt: skip
        except BaseException as error:
            if not _is_refusal(error):
                self._note_doubt(wish.user_id)
            raise
        self._in_doubt.pop(wish.user_id, None)
        self._leases.freed()
        return Matched(answers.group_in(group), bool(is_new), self._heard(told, place))

    def _note_doubt(self, user_id: UserId) -> None:
        self._in_doubt[user_id] = None
        if len(self._in_doubt) > _MAX_DOUBTS:
            del self._in_doubt[next(iter(self._in_doubt))]

    async def connect(
        self, user_id: UserId, connection_id: ConnectionId, forget_ms: int
    ) -> tuple[RoomEvent, ...]:
        return await self._connect(user_id, connection_id, forget_ms, is_brought=False)

    async def _connect(
        self, user_id: UserId, connection_id: ConnectionId, forget_ms: int, *, is_brought: bool
    ) -> tuple[RoomEvent, ...]:
        written = codec.written(user_id)
        arguments = (self._node, written, connection_id, forget_ms, int(is_brought))
        self._here[connection_id] = user_id, forget_ms
        try:
            with self._connecting.underway(connection_id, _SOME_GROUP):
                place, told = await self._run("connect", *arguments)
        except BaseException as error:
            if _is_refusal(error):
                self._here.pop(connection_id, None)
            else:
                self._may_connect[connection_id] = None
            raise
        return self._heard(told, place)

    async def restore(self, now_ms: int, leave_at_ms: int) -> tuple[RoomEvent, ...]:
        """Note all connections of this process again, and no others, after Redis has lost some.

        Returns:
            What those hear that were not known any more.
        """
        noted = {one.decode() for one in await self._run("connections", self._node)}
        for connection_id in map(ConnectionId, noted):
            if connection_id not in self._here:
                await self.lose(connection_id, now_ms, leave_at_ms)
        events: list[RoomEvent] = []
        for connection_id in self._here.keys() - noted:
            if known := self._here.get(connection_id):  # still
                user_id, forget_ms = known
                with _unless_refused():
                    events += await self._connect(
                        user_id, connection_id, forget_ms, is_brought=True
                    )
        return tuple(events)

    # --- inside ---

    async def current(self, user_id: UserId) -> Group | None:
        found = await self._run("current", codec.written(user_id))
        return answers.group_in(found) if found else None

    async def append(self, post: Post, now_ms: int) -> Appended:
        recipient = "" if post.recipient is None else codec.written(post.recipient)
        is_repeat, event = await self._run(
            "append", post.room_id, post.message_id, codec.written(post.sender), recipient,
            codec.pack(post.ciphertext), codec.pack(post.content_type), answers.post_bytes(post),
            now_ms, self._node, post.connection_id or "",
        )  # fmt: skip
        return Appended(answers.message_in(post.room_id, event), bool(is_repeat))

    async def history(
        self, room_id: RoomId, user_id: UserId, before: MessageId | None, limit: int
    ) -> HistoryPage:
        has_more, found = await self._run(
            "history", room_id, codec.written(user_id), before or "", limit
        )
        messages = tuple(answers.message_in(room_id, event) for event in reversed(found))
        return HistoryPage(messages, bool(has_more))

    async def touch(self, room_id: RoomId, user_id: UserId, now_ms: int) -> str:
        name: bytes = await self._run("touch", room_id, codec.written(user_id), now_ms)
        return name.decode()

    # --- against abuse ---

    async def block(self, user_id: UserId, blocked: UserId, forget_ms: int) -> None:
        await self._run("block", codec.written(user_id), codec.written(blocked), forget_ms)

    async def unblock(self, user_id: UserId, blocked: UserId) -> None:
        await self._run("unblock", codec.written(user_id), codec.written(blocked))
        self._leases.freed()

    async def report(
        self, report: Report, address_mark: bytes, now_ms: int, expires_ms: int
    ) -> Reported:
        is_removed, told = await self._run(
            "report", report.room_id, codec.written(report.reporter),
            codec.written(report.user_id), report.report_id, codec.pack_report(report),
            sizes.report_bytes(report), address_mark, now_ms, expires_ms,
        )  # fmt: skip
        self._leases.freed()
        return Reported(bool(is_removed), answers.events_in(told))

    async def reports(self, after: str | None, limit: int) -> tuple[Report, ...]:
        return tuple(map(codec.report_of, await self._run("reports", after or "", limit)))

    async def key_of(self, user_id: UserId, asker: UserId, *, in_group: bool) -> SavedKey | None:
        found = await self._run(
            "key_of", codec.written(user_id), codec.written(asker), int(in_group)
        )
        return answers.saved_key_in(found) if found else None

    # --- going out ---

    async def lose(self, connection_id: ConnectionId, now_ms: int, leave_at_ms: int) -> bool:
        self._here.pop(connection_id, None)
        await self._connecting.ended(connection_id)  # it would be there after it was lost
        is_gone = await self._run("lose", self._node, connection_id, leave_at_ms)
        if connection_id in self._may_connect:
            # What was asked for without an answer has been done by now, if it ever is.
            is_gone = await self._run("lose", self._node, connection_id, leave_at_ms)
            self._may_connect.pop(connection_id, None)
        self._leases.freed()
        return bool(is_gone)

    async def lose_node(self, node: str, now_ms: int, leave_at_ms: int, limit: int) -> int:
        """Note that connections of a process are gone, since it is; some at a time.

        Returns:
            How many there were, at most `limit`; fewer, if there are no others.
        """
        count: int = await self._run("lose_node", node, leave_at_ms, limit)
        return count

    async def leave(
        self,
        room_id: RoomId,
        user_id: UserId,
        connection_id: ConnectionId | None,
        now_ms: int,
        apart_until_ms: int,
    ) -> tuple[RoomEvent, ...]:
        told = await self._run(
            "leave", room_id, codec.written(user_id), connection_id or "", now_ms, apart_until_ms,
            self._node,
        )  # fmt: skip
        self._leases.freed()
        return answers.events_in(told)

    async def expire_lost(self, now_ms: int) -> tuple[RoomEvent, ...]:
        return await self._in_steps("expire_lost", now_ms)

    async def expire_idle(self, now_ms: int) -> tuple[RoomEvent, ...]:
        return await self._in_steps("expire_idle", now_ms)

    async def _in_steps(self, name: str, now_ms: int) -> tuple[RoomEvent, ...]:
        """Run a script until it has found less to do than it may do at once."""
        events: list[RoomEvent] = []
        count = _STEP
        while count == _STEP:
            count, told = await self._run(name, now_ms, _STEP)
            events.extend(answers.events_in(told))
        self._leases.freed()
        return tuple(events)

    # --- for operators ---

    async def page(self, start: int, limit: int) -> GroupPage:
        total, found = await self._run("page", start, limit)
        return GroupPage(tuple(map(answers.summary_in, found)), total)

    async def totals(self) -> GroupTotals:
        return GroupTotals(*await self._run("totals"))

    # --- scripts ---

    async def _run(self, name: str, *arguments: Value) -> Any:
        runner = self._leases if name in _HOLDING else self._link
        try:
            return await runner.run(self._scripts[name], keys.GROUPS, *arguments)
        except RefusedError as refused:
            refusal = self._refusals[refused.word]()
        raise refusal

    def _heard(self, told: Sequence[bytes], place: int) -> tuple[RoomEvent, ...]:
        """What was told, of which connections here hear from that place on."""
        events = answers.events_in(told)
        for event in events:
            if isinstance(event, ConnectionAttached):
                self._attachments.note(event.connection_id, event.room_id, place)
        return events


def _refusals(bounds: Bounds) -> dict[str, Callable[[], AppError]]:
    """By the words of scripts."""
    return {
        "not_in_group": group_refusals.not_in_group,
        "groups_full": group_refusals.groups_full,
        "users_full": group_refusals.users_full,
        "key_missing": group_refusals.key_missing,
        "recipient_not_found": group_refusals.recipient_not_found,
        "message_not_found": group_refusals.message_not_found,
        "id_conflict": refusals.id_conflict,
        "blocking_oneself": group_refusals.blocking_oneself,
        "blocks_full": partial(group_refusals.blocks_full, bounds),
        "reporting_oneself": group_refusals.reporting_oneself,
        "nobody_to_report": group_refusals.nobody_to_report,
    }


@contextmanager
def _unless_refused() -> Iterator[None]:
    """Go on without it where there is no more space for it."""
    try:
        yield
    except AppError as error:
        if not _is_refusal(error):
            raise


def _is_refusal(error: BaseException) -> bool:
    """Whether surely nothing was done."""
    return isinstance(error, AppError) and error.code is not Code.UNAVAILABLE
