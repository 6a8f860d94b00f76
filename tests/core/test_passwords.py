"""Passwords: what is kept of them, and that the rest of the server goes on meanwhile."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from server.core.errors import AppError, Code
from server.core.passwords import MAX_CHARS, MIN_CHARS, Passwords, Strength, new_password
from tests.passwords import WEAK

RIGHT = "correct horse battery"


@pytest.fixture
def threads():
    with ThreadPoolExecutor(1) as executor:
        yield executor


@pytest.fixture
def passwords(threads):
    return Passwords(threads, WEAK)


async def test_a_password_matches_its_own_hash_and_no_other_does(passwords):
    kept = await passwords.hash(RIGHT)

    assert RIGHT not in kept
    assert await passwords.matches(RIGHT, kept)
    for wrong in (RIGHT + "x", RIGHT[:-1], RIGHT.upper(), "", RIGHT * 100):
        assert not await passwords.matches(wrong, kept)


async def test_the_same_password_has_another_hash_each_time(passwords):
    assert await passwords.hash(RIGHT) != await passwords.hash(RIGHT)


async def test_nobody_has_a_password_and_finding_out_is_the_same_work(passwords):
    assert not await passwords.matches(RIGHT, None)
    assert not await passwords.matches("", None)
    assert passwords._nobodys.startswith(WEAK.prefix)
    assert len(passwords._nobodys) == len(await passwords.hash(RIGHT))


async def test_the_dummy_costs_as_much_as_a_real_hash(threads):
    strong = Passwords(threads, Strength(rounds=3, memory_bytes=8 << 20))
    kept = await strong.hash(RIGHT)
    spent_s: list[float] = []

    async def cost_s(password_hash):
        """Of the thread, whatever else the machine does; the least of some tries."""
        spent_s.clear()
        for _ in range(5):
            begun_s = threads.submit(time.thread_time).result()
            await strong.matches("wrong password", password_hash)
            spent_s.append(threads.submit(time.thread_time).result() - begun_s)
        return min(spent_s)

    assert 0.5 < await cost_s(None) / await cost_s(kept) < 2


@pytest.mark.parametrize("chars", [0, MIN_CHARS - 1, MAX_CHARS + 1])
async def test_a_password_that_is_too_short_or_too_long_is_refused(chars, passwords):
    with pytest.raises(AppError) as caught:
        await passwords.hash("x" * chars)
    assert caught.value.code is Code.INVALID_REQUEST


@pytest.mark.parametrize("chars", [MIN_CHARS, MAX_CHARS])
async def test_the_shortest_and_the_longest_are_passwords(chars, passwords):
    assert await passwords.matches("🔑" * chars, await passwords.hash("🔑" * chars))


async def test_two_ways_to_write_one_letter_are_one_password(passwords):
    assert await passwords.matches("cafe\u0301 au lait", await passwords.hash("caf\xe9 au lait"))


async def test_a_hash_of_another_strength_is_outdated_and_still_matches(threads, passwords):
    older = await Passwords(threads, Strength(rounds=2, memory_bytes=16384)).hash(RIGHT)

    assert passwords.is_outdated(older)
    assert await passwords.matches(RIGHT, older)
    assert not passwords.is_outdated(await passwords.hash(RIGHT))


@pytest.mark.parametrize("kept", ["", "x", "$2b$12$abc", "$argon2id$v=19$m=8,t=1,p=1$!$!"])
async def test_what_is_no_hash_matches_nothing(kept, passwords):
    assert not await passwords.matches(RIGHT, kept)


async def test_whoever_comes_beyond_the_queue_is_refused_until_there_is_room(threads):
    passwords = Passwords(threads, WEAK, max_waiting=3)
    held = threading.Event()
    threads.submit(held.wait)
    waiting = [asyncio.ensure_future(passwords.hash(RIGHT)) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()  # which makes no room: its work is still to be done

    with pytest.raises(AppError) as caught:
        await passwords.matches(RIGHT, None)
    assert caught.value.code is Code.UNAVAILABLE
    assert caught.value.retry_after_ms

    held.set()
    await asyncio.gather(*waiting[1:])
    assert not await passwords.matches(RIGHT, None)


async def test_the_loop_goes_on_while_a_password_is_hashed(threads):
    passwords = Passwords(threads, Strength(rounds=3, memory_bytes=64 << 20))
    hashing = asyncio.ensure_future(passwords.hash(RIGHT))
    turns = 0
    while not hashing.done():
        turns += 1
        await asyncio.sleep(0.001)
    assert turns > 10


def test_a_made_password_is_one_and_another_each_time():
    made = {new_password() for _ in range(100)}
    assert len(made) == 100
    assert all(MIN_CHARS <= len(one) == 23 for one in made)
