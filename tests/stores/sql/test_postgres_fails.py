"""PostgreSQL that cannot write: its files can grow no more, or a commit fails at its very end."""

import base64
import os
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from server.core.errors import AppError, Code
from server.core.ids import MessageId, RoomId, UserId
from server.core.limits import Bounds
from server.core.ports.conversations import MessageRef
from server.stores.sql.migrations import migrate
from server.stores.sql.postgres import Postgres
from server.stores.sql.watch import Watch
from tests.postgres_servers import PostgresServer, new_database
from tests.stores.sql.households import NOW_MS, Household, outcomes

FILE_BYTES = 3 * 1024 * 1024 + 4096
"""More than any file of an empty database has; not whole pages."""

BIG = 30_000
"""Bytes of a message."""

MANY = 150
"""More than such a file holds of these."""

_FILL = """
DO $$
BEGIN
    LOOP
        BEGIN
            INSERT INTO audit (entry_id, at_ms, action)
            SELECT gen_random_uuid(), 0, string_agg(gen_random_uuid()::text, '')
            FROM generate_series(1, 500);
        EXCEPTION WHEN disk_full OR internal_error THEN EXIT;
        END;
    END LOOP;
END $$
"""

_FAIL_AT_COMMIT = """
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'it cannot be' USING ERRCODE = '{code}'; END $$;
CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON messages DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (NEW.message_id = 'm1') EXECUTE FUNCTION fail();
"""


def big() -> str:
    """A text of that size that cannot be compressed."""
    return base64.b64encode(os.urandom(BIG * 3 // 4)).decode()


async def fill(home: Household, room: RoomId) -> tuple[list[str], list[str]]:
    """Send big messages until no more are kept. Returns the ids of those that are, and are not."""
    kept: list[str] = []
    refused: list[str] = []
    ids = [f"m{number}" for number in range(MANY)]
    for first in range(0, MANY, 10):
        some = ids[first : first + 10]
        told = await outcomes(*(home.send("alice", room, one, ciphertext=big()) for one in some))
        for message_id, one in zip(some, told, strict=True):
            if isinstance(one, AppError):
                assert one.code is Code.UNAVAILABLE
            (refused if isinstance(one, AppError) else kept).append(message_id)
    assert refused
    return kept, refused


async def ids_in(home: Household, room: RoomId) -> list[str]:
    return await home.read_by("alice", room, limit=1_000)


@pytest.fixture(scope="module")
def tight() -> Iterator[PostgresServer]:
    """A server whose files can grow only so far."""
    server = PostgresServer("autovacuum=off", file_bytes=FILE_BYTES)
    server.start()
    yield server
    server.remove()


@pytest.fixture
async def tight_home(tight) -> AsyncIterator[Household]:
    database = Postgres(new_database(tight))
    await database.start()
    await migrate(database)
    home = Household(database, Bounds())
    await home.settle("alice", "bob", "carol")
    yield home
    await database.close()


async def is_ready(watch: Watch) -> bool:
    """What it finds when it looks."""
    await watch._look()
    return watch.is_ready


def clear(tight, home, table):
    """Give back the room of rows that were deleted."""
    tight.run_sql(f"VACUUM {table}", home.database._url.rpartition("/")[2])


async def test_what_finds_no_room_fails_and_all_else_is_kept(tight, tight_home):
    home = tight_home
    room = await home.room_of("alice", "bob")
    other = await home.room_of("alice", "carol")
    kept, refused = await fill(home, room)
    assert kept
    assert home.database.has_failed
    assert await ids_in(home, room) == kept

    assert (await home.send("alice", other, "small")).message.seq == 1
    for one in kept:
        await home.messages.delete(UserId("alice"), MessageRef(MessageId(one)), NOW_MS)
    clear(tight, home, "messages")
    again = await outcomes(*(home.send("alice", room, one) for one in refused))
    assert [one.is_repeat for one in again] == [False] * len(refused)
    assert (await home.send("alice", room, ciphertext=big())).message.seq == MANY + 1


async def test_it_is_ready_only_when_there_is_room_again(tight, tight_home):
    home = tight_home
    room = await home.room_of("alice", "bob")
    watch = Watch(home.database)
    await watch.start()
    assert await is_ready(watch)
    await home.change("DELETE FROM audit")
    tight.run_sql(_FILL, home.database._url.rpartition("/")[2])
    await fill(home, room)

    assert not await is_ready(watch)
    assert await ids_in(home, room)  # as reading goes on, and says nothing of writing
    assert not await is_ready(watch)
    await home.change("DELETE FROM audit")
    clear(tight, home, "audit")
    assert await is_ready(watch)
    await watch.stop()


# --- at the end of a transaction ---


@pytest.fixture
async def other_side(home) -> AsyncIterator[asyncpg.Connection]:
    """A connection to the same database."""
    connection = await asyncpg.connect(home.database._url)
    yield connection
    await connection.execute("DROP TRIGGER at_commit ON messages; DROP FUNCTION fail")
    await connection.close()


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
@pytest.mark.parametrize("code", ["53100", "58030", "XX000"])
async def test_a_commit_that_fails_fails_just_what_is_in_it(home, other_side, code):
    await other_side.execute(_FAIL_AT_COMMIT.format(code=code))
    rooms = [await home.room_of("alice", "bob") for _ in range(3)]
    told = await outcomes(*(home.send("alice", room, f"m{at}") for at, room in enumerate(rooms)))
    assert [one.code for one in told] == [Code.UNAVAILABLE] * 3
    assert [await ids_in(home, room) for room in rooms] == [[], [], []]
    assert home.database.has_failed

    later = await outcomes(*(home.send("alice", room, "later") for room in rooms))
    assert [one.message.seq for one in later] == [1, 1, 1]
    assert not home.database.has_failed


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_what_a_commit_refuses_is_found_and_harms_no_other(home, other_side):
    await other_side.execute(_FAIL_AT_COMMIT.format(code="23514"))
    rooms = [await home.room_of("alice", "bob") for _ in range(3)]
    told = await outcomes(*(home.send("alice", room, f"m{at}") for at, room in enumerate(rooms)))
    assert isinstance(told[1], asyncpg.CheckViolationError)
    assert [told[0].message.seq, told[2].message.seq] == [1, 1]
    assert [await ids_in(home, room) for room in rooms] == [["m0"], [], ["m2"]]


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_a_commit_that_met_others_is_tried_again(home, other_side):
    await other_side.execute("CREATE SEQUENCE tries")
    await other_side.execute(
        _FAIL_AT_COMMIT.format(code="40001").replace(
            "BEGIN RAISE", "BEGIN IF nextval('tries') > 2 THEN RETURN NULL; END IF; RAISE"
        )
    )
    room = await home.room_of("alice", "bob")
    assert (await home.send("alice", room, "m1")).message.seq == 1
    assert await other_side.fetchval("SELECT nextval('tries')") == 4
    await other_side.execute("DROP SEQUENCE tries")
