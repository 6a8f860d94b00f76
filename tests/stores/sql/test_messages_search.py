"""Searching messages by what a server may know of them."""

import random

import pytest

from server.core.ids import RoomId, UserId
from server.stores.sql.conversations import search
from tests.stores.sql.households import NOW_MS, place_of


async def found(home, user, before=None, limit=10, **wish):
    page = await home.search(user, before, limit, **wish)
    return [one.message_id for one in page.messages]


async def test_search_finds_by_people_room_time_and_type(home):
    room = await home.room_of("alice", "bob", "carol")
    await home.send("alice", "bob", "d1", now_ms=NOW_MS + 1)
    await home.send("bob", room, "r1", now_ms=NOW_MS + 2, type="group")
    await home.send("bob", "alice", "d2", now_ms=NOW_MS + 3)
    await home.send("carol", room, "r2", now_ms=NOW_MS + 4, type="file")
    await home.send("carol", "bob", "hidden", now_ms=NOW_MS + 5)

    assert await found(home, "alice") == ["r2", "d2", "r1", "d1"]
    assert await found(home, "alice", sender=UserId("bob")) == ["d2", "r1"]
    assert await found(home, "alice", room_id=room) == ["r2", "r1"]
    assert await found(home, "alice", participant=UserId("carol")) == ["r2", "r1"]
    assert await found(home, "alice", type="file") == ["r2"]
    assert await found(home, "alice", from_ms=NOW_MS + 2, until_ms=NOW_MS + 4) == ["d2", "r1"]
    assert await found(home, "alice", room_id=RoomId("nowhere")) == []


async def pages_of(home, user, limit, **wish):
    """The ids on each page of a search."""
    pages, before = [], None
    while True:
        page = await home.search(user, before, limit, **wish)
        pages.append([one.message_id for one in page.messages])
        if page.next is None:
            return pages
        assert before is None or page.next < before
        before = page.next


async def test_a_search_goes_on_where_its_page_ended(home):
    rooms = [await home.room_of("alice", "bob") for _ in range(3)]
    for number in range(9):
        await home.send("bob", rooms[number % 3], f"m{number}", now_ms=NOW_MS + number // 2)
    everything = await found(home, "alice")
    assert len(everything) == 9
    assert await pages_of(home, "alice", 2) == [everything[at : at + 2] for at in range(0, 9, 2)]


@pytest.fixture
def short_looks(monkeypatch):
    """A page of a search looks at eight messages, at three of a room at once."""
    monkeypatch.setattr(search, "MAX_LOOKED_AT", 8)
    monkeypatch.setattr(search, "STRIDE", 3)
    monkeypatch.setattr(search, "STATEMENT_COST", 1)


async def test_a_page_looks_at_only_so_many_messages_and_the_next_goes_on(home, short_looks):
    room = await home.room_of("alice", "bob")
    await home.send("alice", room, "rare", type="file")
    for number in range(30):
        await home.send("bob", room, f"m{number}", now_ms=NOW_MS + number // 4)
    pages = await pages_of(home, "alice", 10, type="file")

    assert pages[:-1] == [[]] * (len(pages) - 1)
    assert pages[-1] == ["rare"]
    assert len(pages) == 4


@pytest.mark.parametrize("limit", [1, 4])
async def test_pages_have_each_message_once_and_in_order(home, short_looks, limit):
    chance = random.Random(7)
    rooms = [await home.room_of("alice", "bob") for _ in range(3)]
    early = [await home.room_of("bob", "carol") for _ in range(1)]
    for _ in range(10):
        await home.send("bob", early[0])
    await home.rooms.add_member(UserId("bob"), early[0], UserId("alice"), None, NOW_MS)
    sent = []
    for number in range(60):
        now_ms = NOW_MS + number // 5
        room = chance.choice([*rooms, *early])
        one = await home.send("bob", room, f"m{number}", now_ms, type=chance.choice("ab"))
        sent.append(one.message)
    for wish in ({}, {"type": "a"}, {"room_id": rooms[0]}, {"from_ms": NOW_MS + 3}):
        until = {"until_ms": NOW_MS + 10, "sender": UserId("bob")}
        expected = [
            one.message_id
            for one in sorted(sent, key=place_of, reverse=True)
            if one.type == wish.get("type", one.type)
            and one.room_id == wish.get("room_id", one.room_id)
            and wish.get("from_ms", 0) <= one.sent_ms < NOW_MS + 10
        ]
        pages = await pages_of(home, "alice", limit, **wish, **until)
        assert [one for page in pages for one in page] == expected
        assert max(map(len, pages)) <= limit
