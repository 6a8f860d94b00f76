"""Looking for words: what is found is opened so that others have their turn."""

import asyncio

from msgspec import Struct

from server.core.workspaces.searching import having


class Said(Struct):
    content: str | None


async def test_only_texts_with_all_the_words_are_left_and_none_that_were_deleted():
    both, one, gone = Said("the river bank"), Said("the river"), Said(None)
    assert await having([both, one, gone], ("bank", "river")) == (both,)


async def test_others_have_their_turn_between_two_texts():
    turns = 0

    async def others():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    seen = []

    def opened():
        for _ in range(5):
            seen.append(turns)
            yield Said("text")

    work = asyncio.create_task(others())
    await having(opened(), ("text",))
    work.cancel()
    assert len(set(seen)) == 5
