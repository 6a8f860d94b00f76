"""Finding sealed messages by tokens of their words."""

import asyncio
import random

import pytest

from server.core.errors import Code
from server.core.ids import RoomId, UserId, WorkspaceId
from server.core.kinds import Kind
from server.core.limits import Bounds
from server.core.ports.posts import WordSearch
from server.stores.sql.conversations import SqlMessages
from server.stores.sql.database import Database
from server.stores.sql.steps import rows
from server.stores.sql.workspaces import words
from tests.stores.sql.channels import Atelier, atelier_of
from tests.stores.sql.households import NOW_MS
from tests.stores.sql.keyrings import run_sql
from tests.stores.sql.teams import asks, code_of


@pytest.fixture
async def atelier(home) -> Atelier:
    return await atelier_of(home)


@pytest.fixture
async def room(atelier):
    return await atelier.room("alice", "bob")


@pytest.fixture
def short_looks(monkeypatch):
    """A page looks at five messages, at three of a room at once."""
    monkeypatch.setattr(words, "MAX_LOOKED_AT", 5)
    monkeypatch.setattr(words, "STRIDE", 3)
    monkeypatch.setattr(words, "STATEMENT_COST", 1)


async def page_of(atelier, user, *tokens, before=None, limit=50, who=None, now_ms=NOW_MS, **wish):
    """One page of what somebody finds by tokens; of each key version the same."""
    who = who or asks(user)
    where = await atelier.posts.searched(who, wish.get("workspace_id"), wish.get("room_id"))
    keys = {(one.workspace_id, one.version): tokens for one in where.keys}
    search = WordSearch(tokens=keys, **wish)
    return await atelier.posts.find(who, search, before, limit, now_ms)


async def found(atelier, user, *tokens, **wish):
    page = await page_of(atelier, user, *tokens, **wish)
    return [one.message.message_id for one in page.posts]


async def pages_of(atelier, user, limit, *tokens, **wish):
    """The ids on each page of a search."""
    pages, before = [], None
    while True:
        page = await page_of(atelier, user, *tokens, before=before, limit=limit, **wish)
        pages.append([one.message.message_id for one in page.posts])
        if page.next is None:
            return pages
        assert before is None or page.next < before, "it comes to its end"
        assert page.next.seq < 10**18, "it fits into a cursor"
        before = page.next


async def test_what_has_all_words_is_found_the_newest_first(atelier, room):
    await atelier.say("alice", room, "m1", tokens=("tea", "milk"))
    await atelier.say("bob", room, "m2", tokens=("tea",))
    await atelier.say("bob", room, "m3", tokens=("milk", "tea", "two"))
    assert await found(atelier, "alice", "tea") == ["m3", "m2", "m1"]
    assert await found(atelier, "bob", "tea", "milk") == ["m3", "m1"]
    assert await found(atelier, "bob", "tea", "milk", "two") == ["m3"]
    assert await found(atelier, "bob", "te") == []


async def test_rooms_are_merged_by_time_and_narrowed_by_what_is_asked(atelier, room):
    other = await atelier.room("bob", "alice")
    for number in range(6):
        await atelier.say(
            ("alice", "bob")[number % 2],
            (room, other)[number % 3 == 0],
            f"m{number}",
            tokens=("tea",),
            now_ms=NOW_MS + number,
        )
    assert await found(atelier, "bob", "tea") == [f"m{number}" for number in range(5, -1, -1)]
    assert await found(atelier, "bob", "tea", room_id=other) == ["m3", "m0"]
    assert await found(atelier, "bob", "tea", sender=UserId("alice")) == ["m4", "m2", "m0"]
    wish = {"from_ms": NOW_MS + 2, "until_ms": NOW_MS + 4}
    assert await found(atelier, "bob", "tea", **wish) == ["m3", "m2"]
    assert await found(atelier, "bob", "tea", workspace_id=atelier.team.id, limit=1) == ["m5"]


async def test_whoever_is_not_in_a_conversation_finds_nothing_of_it(atelier, room):
    await atelier.say("alice", room, "m1", tokens=("tea",))
    assert await found(atelier, "carol", "tea", workspace_id=atelier.team.id) == []
    assert await code_of(found(atelier, "carol", "tea", room_id=room)) is Code.NOT_FOUND
    dan = found(atelier, "dan", "tea", workspace_id=atelier.team.id)
    assert await code_of(dan) is Code.NOT_FOUND
    nowhere = found(atelier, "alice", "tea", room_id=RoomId("nowhere"))
    assert await code_of(nowhere) is Code.NOT_FOUND


async def test_whoever_has_left_finds_nothing_any_more(atelier, room):
    await atelier.say("alice", room, "m1", tokens=("tea",))
    await atelier.channels.remove_member(UserId("bob"), room, UserId("bob"), NOW_MS)
    assert await found(atelier, "bob", "tea") == []


async def test_a_token_that_names_the_workspace_no_more_finds_nothing(atelier, room):
    await run_sql(
        atelier.home.database, "UPDATE workspace_members SET source = 'claim' WHERE user_id = 'bob'"
    )
    await atelier.say("alice", room, "m1", tokens=("tea",))
    assert await found(atelier, "bob", "tea", who=asks("bob", atelier.team.id)) == ["m1"]
    assert await found(atelier, "bob", "tea", who=asks("bob", "another")) == []


async def test_what_is_deleted_or_says_something_else_is_not_found_by_its_old_words(atelier, room):
    for one in ("m1", "m2", "m3"):
        await atelier.say("alice", room, one, tokens=("tea",))
    await atelier.delete("alice", "m1")
    await atelier.edit("alice", "m2", tokens=("coffee",))
    assert await found(atelier, "bob", "tea") == ["m3"]
    assert await found(atelier, "bob", "coffee") == ["m2"]


async def test_what_has_expired_or_was_withheld_is_found_by_nobody_else(atelier, room):
    await atelier.say("alice", room, "m1", tokens=("tea",), ttl_ms=5)
    direct = await atelier.room("alice", "bob", kind=Kind.DIRECT)
    await atelier.home.block("bob", "alice")
    await atelier.say("alice", direct, "m2", tokens=("tea",))
    assert await found(atelier, "bob", "tea") == ["m1"]
    assert await found(atelier, "bob", "tea", now_ms=NOW_MS + 5) == []
    assert await found(atelier, "alice", "tea", now_ms=NOW_MS + 5) == ["m2"]


async def test_opaque_conversations_are_not_looked_into_and_that_is_said(atelier, room):
    opaque = await atelier.room("alice", "bob", is_sealed=False)
    await atelier.say("alice", room, "m1", tokens=("tea",))
    searched = atelier.posts.searched
    assert (await searched(asks("bob"), None, None)).has_opaque
    assert (await searched(asks("bob"), None, opaque)).has_opaque
    assert not (await searched(asks("bob"), None, room)).has_opaque
    assert not (await searched(asks("carol"), None, None)).has_opaque


async def test_a_key_that_came_meanwhile_is_said(atelier, room):
    search = WordSearch(tokens={(WorkspaceId("another"), 1): ("tea",)})
    assert await atelier.posts.find(asks("bob"), search, None, 50, NOW_MS) is None


@pytest.mark.usefixtures("short_looks")
@pytest.mark.parametrize("limit", [1, 2, 5])
@pytest.mark.parametrize("seed", range(3))
async def test_pages_have_everything_once_however_clocks_differ(atelier, limit, seed):
    """Also where times of a room do not rise with its sequences, and are the same in others."""
    chance = random.Random(seed)
    rooms = [await atelier.room("alice", "bob") for _ in range(3)]
    meant = []
    for number in range(40):
        room = chance.choice(rooms)
        sent_ms = NOW_MS + chance.randrange(max(0, number - 6), number + 1)
        tokens = ("tea", "milk") if chance.random() < 0.6 else ("tea",)
        await atelier.say("bob", room, f"m{number}", tokens=tokens, now_ms=sent_ms)
        meant += [f"m{number}"] if "milk" in tokens else []
    pages = await pages_of(atelier, "alice", limit, "tea", "milk")
    shown = [one for page in pages for one in page]
    assert sorted(shown) == sorted(meant)


@pytest.mark.usefixtures("short_looks")
async def test_a_page_looks_at_a_bounded_number_of_messages_and_the_next_goes_on(atelier, room):
    for number in range(30):
        tokens = ("tea", "milk") if number == 0 else ("tea",)
        await atelier.say("alice", room, f"m{number}", tokens=tokens, now_ms=NOW_MS + number)
    pages = await pages_of(atelier, "bob", 5, "tea", "milk")
    assert len(pages) > 2
    assert [page for page in pages if page] == [["m0"]]


@pytest.mark.usefixtures("short_looks")
@pytest.mark.parametrize("limit", [2, 50])
async def test_messages_of_two_keys_are_found_together_in_order(atelier, room, limit):
    """As while what is under the old one is sealed anew."""
    await run_sql(
        atelier.home.database,
        "INSERT INTO workspace_keys (workspace_id, version, wrapped, wrapped_by, created_ms) "
        "SELECT workspace_id, 2, wrapped, wrapped_by, created_ms FROM workspace_keys",
    )
    for number in range(12):
        await atelier.say("alice", room, f"m{number}", tokens=("tea",), now_ms=NOW_MS + number)
        if number in (0, 4, 8):
            await run_sql(
                atelier.home.database,
                "UPDATE word_tokens SET token = 'tea of 2' WHERE room_id = $1 AND seq = $2",
                room,
                number + 1,
            )
    keys = {(atelier.team.id, 1): ("tea",), (atelier.team.id, 2): ("tea of 2",)}
    seen, before = [], None
    for _ in range(20):
        page = await atelier.posts.find(asks("bob"), WordSearch(tokens=keys), before, limit, NOW_MS)
        seen += [one.message.message_id for one in page.posts]
        if page.next is None:
            break
        before = page.next
    assert seen == [f"m{number}" for number in range(11, -1, -1)]


async def test_it_is_not_kept_in_which_order_the_words_of_a_message_stand(home, atelier, room):
    place = "rowid" if home.database.name == "SQLite" else "ctid"
    placed = f"SELECT token FROM word_tokens WHERE seq = $1 ORDER BY {place}"  # noqa: S608
    said = [f"word{number * 7 % 50:02}" for number in range(50)]
    await atelier.say("alice", room, "m1", tokens=tuple(said))
    await atelier.say("alice", room, "m2")
    await atelier.edit("alice", "m2", tokens=tuple(reversed(said)))
    for seq in (1, 2):
        found_rows = await home.database.read(lambda seq=seq: rows(placed, seq))
        assert [token for (token,) in found_rows] == sorted(said)


# --- how many at once ---


class Counting:
    """A database that notes how many words each statement of each transaction stores."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.stored: list[list[int]] = []

    def __getattr__(self, name: str):
        return getattr(self._database, name)

    async def write(self, steps):
        return await self._database.write(lambda: self._noted(steps()))

    def _noted(self, steps):
        counts: list[int] = []
        try:
            statement = next(steps)
            while True:
                if statement.many and "word_tokens" in statement.sql:
                    counts.append(len(statement.many))
                statement = steps.send((yield statement))
        except StopIteration as end:
            self.stored.append(counts)
            return end.value


async def test_of_many_long_messages_at_once_each_transaction_stores_some_thousand_words(
    atelier, room
):
    """On a slow PostgreSQL more takes longer than a statement may, and all are refused."""
    counting = Counting(atelier.home.database)
    atelier.home.messages = SqlMessages(counting, Bounds())
    long = [tuple(f"{number}-{word}" for word in range(256)) for number in range(80)]
    await asyncio.gather(*(atelier.say("alice", room, tokens=one) for one in long))
    assert sum(map(sum, counting.stored)) == 80 * 256
    assert max(map(sum, counting.stored)) <= 9_000
    assert max(map(max, counting.stored)) <= 1_000
