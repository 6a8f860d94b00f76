"""No page of messages is larger than one answer should be, and nothing is lost between pages."""

import pytest

from server.core.durable import Status
from server.core.errors import AppError, Code
from server.core.ids import MessageId, UserId
from server.core.ports.conversations import MessageRef, WaitingPlace
from server.stores.sql.conversations.history import delete, get
from server.stores.sql.conversations.paging import MAX_PAGE_BYTES, size_of
from server.stores.sql.conversations.receipts import acknowledge
from tests.stores.sql.households import NOW_MS, phone

ALICE, BOB = UserId("alice"), UserId("bob")
LARGE = MAX_PAGE_BYTES * 3 // 8
"""Of which three fit."""

ALL = [f"m{number}" for number in range(8)]


@pytest.fixture
async def room(home):
    """Where Alice has said eight large things to Bob, each a millisecond after the other."""
    made = await home.room_of("alice", "bob")
    for at, message_id in enumerate(ALL):
        await home.send("alice", made, message_id, NOW_MS + at, ciphertext="x" * LARGE)
    return made


def ids(page):
    assert sum(map(size_of, page.messages)) < MAX_PAGE_BYTES + LARGE
    return [one.message_id for one in page.messages]


async def test_a_history_goes_back_in_pages_that_hold_so_many_bytes(home, room):
    async def page(before):
        return await home.messages.history(BOB, room, 100, NOW_MS, before=before)

    newest, older, oldest = await page(None), await page(6), await page(3)
    assert [ids(newest), ids(older), ids(oldest)] == [ALL[5:], ALL[2:5], ALL[:2]]
    assert [newest.has_more, older.has_more, oldest.has_more] == [True, True, False]


async def test_a_history_goes_forward_in_pages_that_hold_so_many_bytes(home, room):
    async def page(after):
        return await home.messages.history(BOB, room, 100, NOW_MS, after=after)

    first, second, last = await page(0), await page(3), await page(6)
    assert [ids(first), ids(second), ids(last)] == [ALL[:3], ALL[3:6], ALL[6:]]
    assert [first.has_more, second.has_more, last.has_more] == [True, True, False]


async def test_a_page_holds_a_message_that_is_larger_than_a_page(home):
    room = await home.room_of("alice", "bob")
    for message_id in ("m1", "m2"):
        await home.send("alice", room, message_id, ciphertext="x" * (MAX_PAGE_BYTES + 1))
    page = await home.messages.history(BOB, room, 100, NOW_MS)
    assert [one.message_id for one in page.messages] == ["m2"]
    assert page.has_more


async def test_what_waits_in_several_rooms_comes_in_pages_that_hold_so_many_bytes(home, room):
    other = await home.room_of("alice", "bob")
    await home.send("alice", other, "last", ciphertext="x" * LARGE)
    place, found, pages = None, [], 0
    while pages < 9:
        page = await home.messages.waiting(phone("bob"), 100, NOW_MS, after=place)
        found += ids(page)
        pages += 1
        if not page.has_more:
            break
        place = WaitingPlace(page.messages[-1].room_id, page.messages[-1].seq)
    assert found == [*ALL, "last"]


async def test_a_search_finds_all_in_pages_that_hold_so_many_bytes(home, room):
    place, found, pages = None, [], 0
    while pages < 9:
        page = await home.search("bob", place, 100)
        found += ids(page)
        pages += 1
        place = page.next
        if place is None:
            break
    assert found == ALL[::-1]
    assert pages == 3


async def test_a_list_of_rooms_ends_where_their_last_messages_fill_a_page(home):
    for at in range(4):
        made = await home.room_of("alice", "bob")
        await home.send("alice", made, now_ms=NOW_MS + at, ciphertext="x" * LARGE)
    first = await home.rooms.page(BOB, None, 100, NOW_MS, managed=False)
    rest = await home.rooms.page(BOB, first.rooms[-1].place, 100, NOW_MS, managed=False)
    assert (len(first.rooms), first.has_more) == (3, True)
    assert (len(rest.rooms), rest.has_more) == (1, False)


def heard(steps, sizes):
    """The same steps, of whose rows the bytes are counted."""
    statement = next(steps)
    while True:
        found = yield statement
        sizes += [len(one) for row in found for one in row if isinstance(one, bytes)]
        try:
            statement = steps.send(found)
        except StopIteration as end:
            return end.value


@pytest.mark.parametrize(
    "asked",
    [
        lambda refs: acknowledge(phone("bob"), refs, Status.READ, NOW_MS),
        lambda refs: delete(ALICE, refs[0], NOW_MS),
    ],
    ids=["receipts", "deletion"],
)
async def test_what_messages_say_is_not_read_for(home, room, asked):
    refs = tuple(MessageRef(MessageId(one)) for one in ALL)
    sizes: list[int] = []
    await home.database.write(lambda: heard(asked(refs), sizes))
    assert sum(sizes) < 1_000


async def test_of_several_messages_with_one_id_none_is_read_until_one_is_meant(home, room):
    other = await home.room_of("alice", "bob")
    sizes: list[int] = []
    await home.send("alice", other, "m1", ciphertext="x" * LARGE)
    ref = MessageRef(MessageId("m1"))
    with pytest.raises(AppError) as caught:
        await home.database.read(lambda: heard(get(BOB, ref, NOW_MS), sizes))
    assert caught.value.code is Code.ID_CONFLICT
    assert sum(sizes) == 0
    ref = MessageRef(MessageId("m1"), room_id=other)
    assert (await home.messages.get(BOB, ref, NOW_MS)).room_id == other
