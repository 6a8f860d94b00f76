"""Messages a second through the store alone, without network and tokens.

So many senders at the same time, each in a direct room, which is there before: each sends one,
waits until it is on the disk, and sends the next.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from server.core.ids import DeviceId, MessageId, RoomId, UserId, new_id
from server.core.limits import Bounds
from server.core.ports.conversations import Device, NewMessage
from server.stores.sql.conversations import SqlMessages
from server.stores.sql.database import Database
from server.stores.sql.migrations import migrate
from server.stores.sql.steps import Steps, run_many

CIPHERTEXT = "x" * 400

METADATA = b'{"nonce":"' + b"x" * 300 + b'"}'


@dataclass(frozen=True)
class Stored:
    """What was counted.

    Attributes:
        rate: Messages a second.
        cpu_us: A message, of this process with its threads.
    """

    rate: float
    cpu_us: float


async def measure(database: Database, senders: int, seconds: float) -> Stored:
    """Store for so long."""
    await database.start()
    try:
        await migrate(database)
        pairs = [(new_id(), new_id()) for _ in range(senders)]
        await database.write(lambda: _settle([one for pair in pairs for one in pair]))
        store = SqlMessages(database, Bounds())
        await asyncio.gather(*(_send(store, *pair) for pair in pairs))
        return await _store_for(store, pairs, seconds)
    finally:
        await database.close()


async def _store_for(
    store: SqlMessages, pairs: Sequence[tuple[str, str]], seconds: float
) -> Stored:
    began_s, began_cpu_s = time.perf_counter(), time.process_time()

    async def talk(one: str, other: str) -> int:
        count = 0
        while time.perf_counter() < began_s + seconds:
            await _send(store, one, other)
            one, other = other, one
            count += 1
        return count

    count = sum(await asyncio.gather(*(talk(*pair) for pair in pairs)))
    took_s = time.perf_counter() - began_s
    return Stored(count / took_s, (time.process_time() - began_cpu_s) / count * 1e6)


async def _send(store: SqlMessages, sender: str, recipient: str) -> None:
    await store.append(_message(sender, recipient), time.time_ns() // 1_000_000, None)


def _message(sender: str, recipient: str) -> NewMessage:
    return NewMessage(
        sender=UserId(sender),
        sender_device=DeviceId("phone"),
        room_id=None,
        recipient=UserId(recipient),
        new_room_id=RoomId(new_id()),
        message_id=MessageId(new_id()),
        type="direct",
        ciphertext=CIPHERTEXT,
        metadata=METADATA,
        covered=frozenset({Device(UserId(recipient), DeviceId("phone"))}),
    )


def _settle(users: list[str]) -> Steps[None]:
    yield from run_many(
        "INSERT INTO accounts (user_id, username, email, display_name, password_is_temporary, "
        "is_operator, created_ms) VALUES ($1, $1, $1, $1, FALSE, FALSE, 0)",
        [(one,) for one in users],
    )
    yield from run_many(
        "INSERT INTO devices (user_id, device_id, name, type, created_ms, seen_ms) "
        "VALUES ($1, 'phone', 'phone', 'web', 0, 0)",
        [(one,) for one in users],
    )
