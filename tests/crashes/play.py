"""Everybody talks, the server is killed again and again, and then every word is counted."""

import asyncio
import random
import statistics
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
from msgspec import Struct

from tests.crashes import verdict
from tests.crashes.ledger import Ledger
from tests.crashes.registering import PREKEYS, register, sign_up
from tests.crashes.sites import ENGINES, Site
from tests.crashes.talker import Person, Talk, Talker, TalkerError
from tests.crashes.wire import Rest

LIMIT_S = 180.0
"""For anything that is waited for."""

MOMENT_S = 0.05
"""A kill comes so long after a message at most."""

ENOUGH = 20
"""Messages acknowledged before the first kill, and after the last."""


class Load(Struct, frozen=True, kw_only=True):
    """How many talk, and how much.

    Attributes:
        people: Every other one has two devices.
        most: Messages acknowledged between two kills, at most.
        first_kills: Of a server that has never come up before.
        nodes: Servers, on one PostgreSQL and one Redis if there are several.
        seed: Of all chance.
    """

    people: int
    kills: int
    most: int
    first_kills: int = 0
    nodes: int = 1
    seed: int = 1


class Report(Struct, frozen=True):
    """What was said, and what is there.

    Attributes:
        ready_s: How long it took to be ready again, each time.
        faults: In words; none if the server kept its word.
    """

    done: Counter[str]
    ready_s: list[float]
    faults: list[str]

    @property
    def text(self) -> str:
        """A table."""
        table = [f"{count:9} {what}" for what, count in sorted(self.done.items())]
        usual_s, most_s = statistics.median(self.ready_s), max(self.ready_s)
        table.append(f"{usual_s:9.1f} seconds until it is ready again, {most_s:.1f} at most")
        return "\n".join(table)


class Crowd:
    """People with their devices, and all that they say.

    Args:
        way: Makes the way of one of them to the servers, each of which is somebody's first.
    """

    def __init__(self, way: Callable[[int], Rest], ledger: Ledger, load: Load) -> None:
        self._way = way
        self._ledger = ledger
        self._load = load
        self._talks: list[Talk] = []
        self.talkers: list[Talker] = []

    # --- the beginning ---

    async def settle(self) -> None:
        """Give everybody an account, devices with keys, and somebody to talk to."""
        people = [Person(f"person{number}") for number in range(self._load.people)]
        for number, person in enumerate(people):
            person.user_id = await sign_up(self._way(0), person.name)
            names = ("phone", "laptop")[: 2 - number % 2]
            for name in names:
                await self._add_device(person, name)
        phones = {one.person.name: one for one in self.talkers if "phone" in one.device_id}
        self._talks = [await self._open_room(people, phones[people[0].name])]
        for one, other in pairwise(people):
            self._talks.append(await self._begin_talk(one, other, phones[one.name]))
        for talker in self.talkers:
            talker.talks = [talk for talk in self._talks if talker.person in talk.people]

    async def _add_device(self, person: Person, name: str) -> None:
        device_id = f"{person.name}-{name}"
        way = self._way(len(self.talkers))
        talker = Talker(way, person, device_id, self._ledger, str(self._load.seed))
        tokens = await register(self._way(0), person.name, person.user_id, device_id)
        talker.take_tokens(tokens)
        self._ledger.uploaded[device_id] = PREKEYS
        person.device_ids.append(device_id)
        self.talkers.append(talker)

    async def _open_room(self, people: list[Person], phone: Talker) -> Talk:
        others = [one.user_id for one in people if one is not phone.person]
        body = {"name": "everybody", "participants": others}
        data = await phone.asked("POST", "/api/rooms", body, 201)
        return Talk(data["roomId"], people, is_direct=False)

    async def _begin_talk(self, one: Person, other: Person, phone: Talker) -> Talk:
        talk = Talk("", [one, other], is_direct=True)
        said = await phone.say_first(talk)
        shown = await phone.asked("GET", f"/api/messages/direct/{other.user_id}")
        said.room_id = talk.room_id = shown["messages"][0]["roomId"]
        return talk

    # --- talking ---

    @asynccontextmanager
    async def talking(self) -> AsyncIterator[None]:
        """Have all devices connected; they talk until they are told to end."""
        async with asyncio.TaskGroup() as sockets:
            listening = [sockets.create_task(one.socket.run()) for one in self.talkers]
            try:
                yield
            finally:
                for one in listening:
                    one.cancel()

    async def more(self, count: int) -> None:
        """Wait until so many more messages are acknowledged."""
        done, before = self._ledger.done, self._ledger.done["messages acknowledged"]
        await _until(lambda: done["messages acknowledged"] >= before + count)

    # --- the end ---

    async def judge(self) -> None:
        """Read all that there is, wait until all have heard it, and compare."""
        everything: dict[str, list[dict[str, Any]]] = {}
        ledger, faults = self._ledger, self._ledger.faults
        for talk in self._talks:
            reader = next(one for one in self.talkers if talk in one.talks)
            everything[talk.room_id] = await reader.read_room(talk.room_id)
            faults += verdict.of_room(ledger, talk.room_id, everything[talk.room_id])
        for talker in self.talkers:
            rooms = [everything[talk.room_id] for talk in talker.talks]
            await self._judge_device(talker, [one for room in rooms for one in room])
        there = {one["messageId"] for room in everything.values() for one in room}
        self._count(there)

    async def _judge_device(self, talker: Talker, messages: list[dict[str, Any]]) -> None:
        ledger, faults = self._ledger, self._ledger.faults
        user_id, device_id = talker.person.user_id, talker.device_id
        hearing = ledger.hearing(device_id)
        try:
            await _until(lambda: not verdict.unheard(ledger, device_id, hearing, messages))
        except TimeoutError:
            missing = verdict.unheard(ledger, device_id, hearing, messages)
            faults += [f"{device_id} has never heard {one}" for one in missing]
        faults += verdict.of_hearing(device_id, hearing, messages)
        shown = [one for talk in talker.talks for one in await talker.read_room(talk.room_id)]
        faults += verdict.of_receipts(ledger, user_id, shown)
        waiting = await talker.read_waiting()
        faults += verdict.of_waiting(ledger, device_id, waiting, shown)
        stats = await talker.asked("GET", "/api/keys/prekeys/stats")
        faults += verdict.of_prekeys(ledger, device_id, stats)
        await talker.renew()

    def _count(self, there: set[str]) -> None:
        done, said = self._ledger.done, self._ledger.said.values()
        unanswered = {one.message_id for one in said if not one.is_acknowledged}
        done["messages never acknowledged, and there once"] = len(unanswered & there)
        done["messages never acknowledged, and not there"] = len(unanswered - there)
        for word in ("lost", "doubled"):
            done[f"messages {word}"] = sum(one.endswith(f" {word}") for one in self._ledger.faults)


async def _until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not condition():
            await asyncio.sleep(0.02)


async def play(engine: str, folder: Path, load: Load) -> Report:
    """Talk and kill, and judge."""
    ledger = Ledger()
    chance = random.Random(f"{load.seed} {engine}")
    site = ENGINES[engine](folder, chance, ledger.done, load.nodes)
    try:
        await site.begin(load.first_kills)
        async with aiohttp.ClientSession() as http:
            http._retry_connection = False  # what had no answer is to be told
            crowd = Crowd(lambda first: Rest(http, site.urls, first, ledger.done), ledger, load)
            await _play(site, crowd, load, chance)
    except* (TalkerError, TimeoutError) as errors:
        ledger.faults += [f"it did not come to its end: {one!r}" for one in errors.exceptions]
    finally:
        await site.end()
    ledger.faults += [f"the server raised: {line}" for line in site.raised]
    ledger.faults += site.damage()
    return Report(ledger.done, site.ready_s, ledger.faults)


async def _play(site: Site, crowd: Crowd, load: Load, chance: random.Random) -> None:
    await crowd.settle()
    async with crowd.talking():
        async with asyncio.TaskGroup() as talking:
            for talker in crowd.talkers:
                talking.create_task(talker.run())
            await crowd.more(ENOUGH)
            for number in range(load.kills):
                await crowd.more(chance.randint(1, load.most))
                await asyncio.sleep(chance.uniform(0, MOMENT_S))
                await site.strike(number)
            await crowd.more(ENOUGH)
            for talker in crowd.talkers:
                talker.is_ending = True
        await crowd.judge()
