"""Work that comes in at the same time is done together: in order, in turn, each for itself."""

import asyncio
from collections.abc import Sequence

import pytest

from server.core.errors import AppError, Code
from server.stores.sql import batches
from server.stores.sql.batches import LANES, MAX_BATCH, MAX_BATCH_BYTES, Batches
from server.stores.sql.database import unavailable
from tests.servers import until
from tests.stores.sql.households import outcomes

Outcomes = list[str | Exception | None]


class Bench:
    """Does drafts, text, when it is told to.

    Attributes:
        together, apart: What was done so, batch by batch.
        locked: Keys, the first letters of drafts, that batches leave.
        poison: Drafts that nothing can be done with.
        away: Drafts during which the database is lost.
    """

    def __init__(self) -> None:
        self.together: list[list[str]] = []
        self.apart: list[list[str]] = []
        self.locked: set[str] = set()
        self.poison: set[str] = set()
        self.away: set[str] = set()
        self.go = asyncio.Event()
        self.batches: Batches[str, str] = Batches(self._do_together, self._do_apart)

    def ask(self, *drafts: str, size_bytes: int = 0) -> list["asyncio.Task[str]"]:
        return [
            asyncio.create_task(self.batches.do(one[0], one, size_bytes=size_bytes))
            for one in drafts
        ]

    async def _do_together(self, drafts: Sequence[str]) -> Outcomes:
        self.together.append(list(drafts))
        await self.go.wait()
        self._fail_of(drafts)
        return [None if one[0] in self.locked else f"{one}!" for one in drafts]

    async def _do_apart(self, drafts: Sequence[str]) -> Outcomes:
        self.apart.append(list(drafts))
        await until(lambda: drafts[0][0] not in self.locked)
        self._fail_of(drafts)
        return [f"{one}!" for one in drafts]

    def _fail_of(self, drafts: Sequence[str]) -> None:
        if self.away & set(drafts):
            raise unavailable()
        if self.poison & set(drafts):
            raise ValueError(drafts)


@pytest.fixture
async def bench() -> Bench:
    return Bench()


async def test_what_comes_in_one_turn_is_one_batch(bench):
    bench.go.set()
    told = await asyncio.gather(*bench.ask("a1", "b1", "c1"))
    assert told == ["a1!", "b1!", "c1!"]
    assert bench.together == [["a1", "b1", "c1"]]


async def test_what_has_one_key_is_never_under_way_twice_and_stays_in_order(bench):
    asked = bench.ask("a1", "b1")
    await until(lambda: bench.together)
    asked += bench.ask("a2", "c1", "a3")
    await until(lambda: len(bench.together) == 2)
    assert bench.together == [["a1", "b1"], ["c1"]]

    bench.go.set()
    await asyncio.gather(*asked)
    assert bench.together[2:] == [["a2", "a3"]]


async def test_only_so_many_batches_are_under_way(bench):
    asked = []
    for number in range(LANES + 3):
        asked += bench.ask(f"{number}")
        for _ in range(5):
            await asyncio.sleep(0)  # whatever can begin has begun
    assert len(bench.together) == LANES

    bench.go.set()
    await asyncio.gather(*asked)
    assert bench.together[LANES:] == [[f"{number}" for number in range(LANES, LANES + 3)]]


async def test_keys_take_turns_however_much_one_of_them_asks_for(bench):
    asked = bench.ask(*(f"h{number}" for number in range(2 * MAX_BATCH)), "a1", "a2", "b1")
    bench.go.set()
    await asyncio.gather(*asked)

    assert bench.together[0][:6] == ["h0", "a1", "b1", "h1", "a2", "h2"]
    done = [one for batch in bench.together for one in batch if one.startswith("h")]
    assert done == [f"h{number}" for number in range(2 * MAX_BATCH)]
    assert max(map(len, bench.together)) == MAX_BATCH


async def test_a_batch_holds_only_so_many_bytes(bench):
    asked = bench.ask("a1", "b1", "c1", "d1", size_bytes=MAX_BATCH_BYTES // 2)
    bench.go.set()
    await asyncio.gather(*asked)
    assert bench.together == [["a1", "b1"], ["c1", "d1"]]


async def test_a_batch_that_is_not_kept_fails_just_what_is_in_it(bench):
    failing = bench.ask("a1", "b1")
    await until(lambda: bench.together)
    after = bench.ask("a2")
    bench.away = {"b1"}
    bench.go.set()
    told = await outcomes(*failing)

    assert [one.code for one in told] == [Code.UNAVAILABLE] * 2
    assert told[0] is not told[1]
    assert await asyncio.gather(*after) == ["a2!"]
    assert not bench.apart


async def test_who_spoils_a_batch_fails_alone(bench):
    bench.poison = {"b1"}
    bench.go.set()
    told = await outcomes(*bench.ask("a1", "b1", "b2", "c1"))
    assert [str(told[0]), *map(str, told[2:])] == ["a1!", "b2!", "c1!"]
    assert isinstance(told[1], ValueError)


async def test_what_a_batch_leaves_delays_only_what_has_its_key(bench):
    bench.locked = {"a"}
    bench.go.set()
    waiting = bench.ask("a1", "a2")
    await until(lambda: bench.apart)
    waiting += bench.ask("a3")
    assert await asyncio.gather(*bench.ask("b1")) == ["b1!"]
    assert not any(one.done() for one in waiting)

    bench.locked = set()
    assert await asyncio.gather(*waiting) == ["a1!", "a2!", "a3!"]
    assert (bench.apart, bench.together[-1]) == ([["a1", "a2"]], ["a3"])


async def test_what_nobody_waits_for_any_more_is_not_begun(bench):
    first = bench.ask(*(f"{number}" for number in range(LANES)))
    await until(lambda: bench.together)
    gone, kept = bench.ask("01", "02")
    await asyncio.sleep(0)
    gone.cancel()
    bench.go.set()

    assert await asyncio.gather(*first, kept) == [*(f"{one}!" for one in range(LANES)), "02!"]
    assert "01" not in [one for batch in bench.together for one in batch]


async def test_more_than_it_may_hold_is_refused_until_some_of_it_is_done(bench, monkeypatch):
    monkeypatch.setattr(batches, "MAX_WAITING", 2)
    asked = bench.ask("a1", "a2")
    await until(lambda: bench.together)
    with pytest.raises(AppError) as caught:
        await bench.batches.do("b", "b1")
    assert caught.value.code is Code.UNAVAILABLE

    bench.go.set()
    await asyncio.gather(*asked)
    assert await bench.batches.do("b", "b1") == "b1!"


async def test_more_bytes_than_it_may_hold_are_refused_until_some_are_done_or_given_up(
    bench, monkeypatch
):
    monkeypatch.setattr(batches, "MAX_WAITING_BYTES", 100)
    bench.locked = {"c"}
    asked = bench.ask("a1", "b1", size_bytes=30)
    await until(lambda: bench.together)
    [gone] = bench.ask("a2", size_bytes=30)
    await asyncio.sleep(0)
    with pytest.raises(AppError) as caught:
        await bench.batches.do("d", "d1", 11)
    assert caught.value.code is Code.UNAVAILABLE

    gone.cancel()
    bench.go.set()
    await asyncio.gather(*asked, bench.batches.do("d", "d2", 10))
    await until(lambda: not bench.batches._waiting)
    asked = bench.ask("c1", size_bytes=100)
    await until(lambda: bench.apart)
    with pytest.raises(AppError):
        await bench.batches.do("d", "d3", 1)
    bench.locked = set()
    await asyncio.gather(*asked)
    assert bench.batches._waiting_bytes == 0


async def test_it_remembers_no_key_of_which_nothing_waits(bench):
    bench.locked = {"b"}
    bench.go.set()
    asked = bench.ask("a1", "b1")
    await until(lambda: bench.apart)
    bench.locked = set()
    await asyncio.gather(*asked)
    await until(lambda: not bench.batches._queues)
    assert bench.batches._waiting == 0
