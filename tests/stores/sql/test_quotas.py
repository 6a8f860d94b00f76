"""How much of messages an account may have stored, and when it has room again."""

import pytest

from server.core.errors import AppError, Code
from server.core.ids import MessageId, UserId
from server.core.limits import Bounds
from server.core.ports.conversations import MessageRef
from server.stores.sql.migrations import migrate
from server.stores.sql.steps import rows
from server.stores.sql.usage import MESSAGE_BYTES
from tests.stores.sql.households import NOW_MS, Household

ALICE = UserId("alice")
SAID = "x" * 1_000
ONE = MESSAGE_BYTES + len(SAID)


@pytest.fixture
async def home(database) -> Household:
    """Alice, Bob and Carol, who may each have three messages stored."""
    await migrate(database)
    made = Household(database, Bounds(account_bytes=3 * ONE))
    await made.settle("alice", "bob", "carol")
    return made


async def say(home, message_id, sender="alice", to="bob", **more):
    return await home.send(sender, to, message_id, ciphertext=SAID, metadata=None, **more)


async def refused(home, **more) -> Code:
    with pytest.raises(AppError) as caught:
        await say(home, "too much", **more)
    return caught.value.code


async def held(home) -> dict[str, int]:
    """What is counted of each."""
    found = await home.database.read(lambda: rows("SELECT user_id, bytes FROM stored_bytes"))
    return dict(map(tuple, found))


async def fill(home) -> None:
    """Alice has all that she may."""
    for number in range(3):
        await say(home, f"m{number}", to="carol" if number else "bob")


async def test_who_has_stored_all_that_an_account_may_is_refused_and_nobody_else(home):
    await fill(home)
    assert await refused(home) is Code.LIMIT_REACHED
    assert await refused(home, to="carol") is Code.LIMIT_REACHED
    assert (await say(home, "m0")).is_repeat

    await say(home, "m1", "bob", "alice")
    assert await held(home) == {"alice": 3 * ONE, "bob": ONE}


async def test_metadata_counts(home):
    await home.send("alice", "bob", "m1", ciphertext="ü", metadata=b"{}")
    assert await held(home) == {"alice": MESSAGE_BYTES + 4}


async def test_what_was_deleted_takes_but_its_place(home):
    await fill(home)
    for _ in range(2):
        await home.messages.delete(ALICE, MessageRef(MessageId("m0")), NOW_MS)
    assert await held(home) == {"alice": 2 * ONE + MESSAGE_BYTES}
    assert await refused(home) is Code.LIMIT_REACHED

    await home.messages.delete(ALICE, MessageRef(MessageId("m1")), NOW_MS)
    await say(home, "m3")


async def test_what_has_expired_takes_nothing(home):
    await say(home, "m0", ttl_ms=10)
    await say(home, "m1", "bob", "alice", ttl_ms=10)
    await say(home, "m2")
    assert await home.messages.expire(NOW_MS + 10, 100) == 2
    assert await held(home) == {"alice": ONE, "bob": 0}


async def test_what_was_said_in_a_room_that_ended_takes_nothing(home):
    room = await home.room_of("alice", "bob")
    await say(home, "m0", to=room)
    await say(home, "m1", "bob", room)
    await home.rooms.delete(ALICE, room, NOW_MS)
    assert await home.messages.expire(NOW_MS, 1) == 1
    await home.messages.expire(NOW_MS, 100)
    assert await held(home) == {"alice": 0, "bob": 0}


async def test_what_is_refused_takes_nothing(home):
    await home.add_device("bob", "bob-laptop")
    with pytest.raises(AppError):
        await say(home, "m0")
    assert await held(home) == {}
