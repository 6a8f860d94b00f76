"""How many messages a second are stored: `python -m scripts.bench_parts.durable [URL]`.

Through the store, without network and tokens: so many senders at the same time, each in a direct
room, and each message is on the disk when it counts. A URL is that of a PostgreSQL database
that may be filled; without one it is a new SQLite file, in the working directory's file system.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from server.core.ids import DeviceId, MessageId, RoomId, UserId, new_id
from server.core.limits import Bounds
from server.core.ports.conversations import Device, NewMessage
from server.stores.sql.conversations import SqlMessages
from server.stores.sql.database import Database
from server.stores.sql.migrations import migrate
from server.stores.sql.postgres import Postgres
from server.stores.sql.sqlite import SQLite
from server.stores.sql.steps import Steps, run_many

MESSAGES = 5_000

CIPHERTEXT = "x" * 400

METADATA = b'{"nonce":"' + b"x" * 300 + b'"}'


async def measure(database: Database, senders: int) -> float:
    """Messages a second."""
    await database.start()
    await migrate(database)
    pairs = [(new_id(), new_id()) for _ in range(senders)]
    await database.write(lambda: _settle([one for pair in pairs for one in pair]))
    store = SqlMessages(database, Bounds())

    async def talk(pair: tuple[str, str]) -> None:
        for turn in range(MESSAGES // senders):
            sender, recipient = pair[turn % 2], pair[(turn + 1) % 2]
            await store.append(_message(sender, recipient), time.time_ns() // 1_000_000, None)

    began = time.perf_counter()
    await asyncio.gather(*map(talk, pairs))
    took_s = time.perf_counter() - began
    await database.close()
    return MESSAGES // senders * senders / took_s


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


def main() -> None:
    url = next((one for one in sys.argv[1:] if "://" in one), None)
    for senders in (1, 10, 100):
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
            database: Database = Postgres(url) if url else SQLite(Path(folder) / "data.sqlite3")
            rate = asyncio.run(measure(database, senders))
        print(f"{database.name}, {senders} at the same time: {rate:.0f} messages/s")


if __name__ == "__main__":
    main()
