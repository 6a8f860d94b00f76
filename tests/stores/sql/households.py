"""People with accounts and devices for the tests of durable rooms, straight into the tables."""

import asyncio
import functools
from collections.abc import Awaitable
from typing import Any

import asyncpg

from server.core.durable import Status, StoredMessage
from server.core.ids import DeviceId, MessageId, RoomId, UserId, new_id
from server.core.limits import Bounds
from server.core.ports.conversations import (
    Device,
    FoundPage,
    FoundPlace,
    MessageRef,
    NewMessage,
    NewRoom,
    Search,
    StoredNew,
)
from server.stores.sql.conversations import SqlConversations, SqlMessages
from server.stores.sql.database import Database
from server.stores.sql.steps import Steps, run, run_many, value
from server.stores.sql.workspaces import SqlWorkspaces
from server.stores.sql.workspaces.files import SqlFiles

NOW_MS = 1_800_000_000_000

BOUNDS = Bounds(room_members=5, rooms_per_user=4)


def phone(user: str) -> Device:
    """The first device of somebody."""
    return Device(UserId(user), DeviceId(f"{user}-phone"))


class Household:
    """A database with accounts, and the stores on it."""

    def __init__(self, database: Database, bounds: Bounds = BOUNDS) -> None:
        self.database = database
        self.bounds = bounds
        self.rooms = SqlConversations(database, bounds)
        self.messages = SqlMessages(database, bounds)
        self.workspaces = SqlWorkspaces(database, bounds)
        self.files = SqlFiles(database, bounds)

    async def settle(self, *names: str) -> None:
        """Give each an account and a phone."""
        await self.database.write(functools.partial(_settle, names))

    async def add_device(self, name: str, device_id: str, now_ms: int = NOW_MS) -> None:
        await self.database.write(lambda: _add_device(name, device_id, now_ms))

    async def revoke(self, name: str, device_id: str) -> None:
        await self.change(
            "UPDATE devices SET revoked_ms = $3 WHERE user_id = $1 AND device_id = $2",
            name,
            device_id,
            NOW_MS,
        )

    async def block(self, name: str, blocked: str) -> None:
        await self.change(
            "INSERT INTO account_blocks (user_id, blocked_id, created_ms) VALUES ($1, $2, $3)",
            name,
            blocked,
            NOW_MS,
        )

    async def change(self, sql: str, *arguments: Any) -> None:
        await self.database.write(lambda: run(sql, *arguments))

    async def room_of(self, owner: str, *members: str, ttl_ms: int | None = None) -> RoomId:
        new = NewRoom(
            room_id=RoomId(new_id()),
            creator=UserId(owner),
            name="Tea",
            description="",
            ttl_ms=ttl_ms,
            members=tuple(UserId(one) for one in members),
        )
        return (await self.rooms.create(new, NOW_MS)).room_id

    async def send(
        self,
        sender: str,
        to: str | RoomId,
        message_id: str | None = None,
        now_ms: int = NOW_MS,
        **other: Any,
    ) -> StoredNew:
        """Send to a user, or into a room."""
        wish: dict[str, Any] = {
            "sender": UserId(sender),
            "sender_device": DeviceId(f"{sender}-phone"),
            "room_id": to if isinstance(to, RoomId) else None,
            "recipient": None if isinstance(to, RoomId) else UserId(to),
            "new_room_id": RoomId(new_id()),
            "message_id": MessageId(message_id or new_id()),
            "type": "direct",
            "ciphertext": "c2VjcmV0",
            "metadata": b'{"nonce":"n"}',
            "covered": None,
        }
        ttl_ms = other.pop("ttl_ms", None)
        return await self.messages.append(NewMessage(**{**wish, **other}), now_ms, ttl_ms)

    async def waiting(self, device: Device, **other: Any) -> list[str]:
        """The ids of what waits for a device."""
        wish: dict[str, Any] = {"limit": 100, "now_ms": NOW_MS}
        page = await self.messages.waiting(device, **{**wish, **other})
        return [one.message_id for one in page.messages]

    async def acknowledge(
        self, device: Device, *ids: str, status: Status = Status.DELIVERED, now_ms: int = NOW_MS
    ) -> tuple[list[str], list[str]]:
        """The ids of what came further, and of what is unknown."""
        refs = tuple(MessageRef(MessageId(one)) for one in ids)
        done = await self.messages.acknowledge(device, refs, status, now_ms)
        return [one.message_id for one in done.receipts], list(done.unknown)

    async def read_by(self, user: str, room: RoomId, **other: Any) -> list[str]:
        """The ids of what somebody reads in a room."""
        wish: dict[str, Any] = {"limit": 100, "now_ms": NOW_MS}
        page = await self.messages.history(UserId(user), room, **{**wish, **other})
        return [one.message_id for one in page.messages]

    async def search(
        self, user: str, before: FoundPlace | None, limit: int, **wish: Any
    ) -> FoundPage:
        return await self.messages.search(UserId(user), Search(**wish), before, limit, NOW_MS)

    async def count(self, table: str) -> int:
        """How many rows a table has."""
        return int(await self.database.read(lambda: value(f"SELECT COUNT(*) FROM {table}")))  # noqa: S608


def place_of(message: StoredMessage) -> FoundPlace:
    """Where a message stands in the result of a search."""
    return FoundPlace(message.sent_ms, message.room_id, message.seq)


def _settle(names: tuple[str, ...]) -> Steps[None]:
    yield from run_many(
        "INSERT INTO accounts (user_id, username, username_key, email, email_key, display_name, "
        "password_is_temporary, is_operator, created_ms) "
        "VALUES ($1, $1, $1, $1, $1, $2, $3, $3, $4)",
        [(name, name.title(), False, NOW_MS) for name in names],
    )
    for name in names:
        yield from _add_device(name, f"{name}-phone", NOW_MS)


def _add_device(name: str, device_id: str, now_ms: int) -> Steps[None]:
    yield from run(
        "INSERT INTO devices (user_id, device_id, name, type, created_ms, seen_ms) "
        "VALUES ($1, $2, 'a device', 'web', $3, $3)",
        name,
        device_id,
        now_ms,
    )


async def outcomes(*asked: Awaitable[Any]) -> list[Any]:
    """What comes of all of these at the same time; of what fails, the error."""
    return list(await asyncio.gather(*asked, return_exceptions=True))


async def pid_that_waits(connection: asyncpg.Connection) -> int:
    """The process of a transaction that waits for another one."""
    found: list[int] = []
    async with asyncio.timeout(10):
        while not found:
            rows = await connection.fetch(
                "SELECT pid FROM pg_stat_activity "
                "WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            found = [one[0] for one in rows]
            await connection.execute("SELECT pg_stat_clear_snapshot()")
    return found[0]
