"""Everybody sends events and hears them, the server is killed, and every event is counted."""

import asyncio
import functools
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from msgspec import Struct

from tests.crashes.queue_ledger import QueueLedger
from tests.crashes.queue_people import Account, Receiver, Sender
from tests.crashes.registering import register, sign_up
from tests.crashes.sites import ENGINES, SETTINGS, Site
from tests.crashes.wire import AGAIN_S, Rest

LIMIT_S = 180.0
"""For nothing to happen, before it is given up."""

MOMENT_S = 0.2
"""A kill comes so long after an event at most."""

SENDERS = 24

AT_ONCE = 8
"""Accounts that are made at a time."""

CALM = 0.5
"""After this share of the events nothing is killed any more, so that memory can be compared."""


class QueueLoad(Struct, frozen=True, kw_only=True):
    """How much is sent.

    Attributes:
        devices: With a queue each; every other user has two.
        events: Places of queues that have something to tell, in all.
        drained: Events of one queue that are told to one device at the end.
        nodes: Servers, on one PostgreSQL and one Redis if there are several.
        seed: Of all chance.
    """

    devices: int
    events: int
    kills: int
    drained: int = 0
    nodes: int = 1
    seed: int = 1


class QueueReport(Struct, frozen=True):
    """What was sent, and what has come.

    Attributes:
        figures: In words.
        faults: In words; none if the server kept its word.
    """

    done: Counter[str]
    figures: list[str]
    faults: list[str]

    @property
    def text(self) -> str:
        """A table."""
        table = [f"{count:9} {what}" for what, count in sorted(self.done.items())]
        return "\n".join(table + self.figures)


class Play:
    """People with their devices, and all that they send."""

    def __init__(self, site: Site, http: aiohttp.ClientSession, load: QueueLoad) -> None:
        self._site = site
        self._http = http
        self._load = load
        self._chance = random.Random(f"{load.seed} queues")
        self._users: list[str] = []
        self._accounts: list[Account] = []
        self._receivers: list[Receiver] = []
        self.figures: list[str] = []
        self.ledger = QueueLedger()
        self.ledger.done = site.done

    def _rest(self, first: int) -> Rest:
        return Rest(self._http, self._site.urls, first, self.ledger.done)

    # --- the beginning ---

    async def settle(self) -> None:
        """Give everybody an account and devices."""
        lanes = asyncio.Semaphore(AT_ONCE)

        async def one(number: int, devices: int) -> None:
            async with lanes:
                await self._settle_one(number, devices)

        left = self._load.devices
        counts: list[int] = []
        while left:
            counts.append(min(left, 1 + len(counts) % 2))
            left -= counts[-1]
        await asyncio.gather(*(one(number, count) for number, count in enumerate(counts)))

    async def _settle_one(self, number: int, devices: int) -> None:
        name = f"person{number}"
        user_id = await sign_up(self._rest(0), name)
        self._users.append(user_id)
        for nth in range(devices):
            device_id = f"{name}-{nth}"
            account = Account(self._rest(number), name, user_id, device_id)
            account.take(await register(self._rest(0), name, user_id, device_id))
            self._accounts.append(account)
            hearing = self.ledger.begin(user_id, device_id)
            self._receivers.append(Receiver(account, hearing, self.ledger, str(self._load.seed)))

    @asynccontextmanager
    async def _connected(self, receivers: list[Receiver]) -> AsyncIterator[None]:
        """Have these devices hear what there is for them."""
        running = [asyncio.create_task(one.run()) for one in receivers]
        try:
            yield
        finally:
            for one in running:
                one.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    # --- playing ---

    async def run(self) -> None:
        async with self._connected(self._receivers):
            await self._until(self._all_have_queues)
            began = time.monotonic()
            async with asyncio.TaskGroup() as sending:
                for number in range(SENDERS):
                    sending.create_task(self._sender(number).run(self._load.events))
                sending.create_task(self._kill_and_measure())
            await self._until(self._all_is_heard)
            seconds = time.monotonic() - began
            self._note_memory("in the end")
            rate = self.ledger.heard / seconds
            self.figures.append(f"{rate:9.0f} events/s told, kills and all, in {seconds:.0f} s")
        if self._load.drained:
            await self._drain()
        self.ledger.judge()

    def _sender(self, number: int) -> Sender:
        account = self._accounts[number % len(self._accounts)]
        return Sender(number, account, self._users, self.ledger, str(self._load.seed))

    async def _kill_and_measure(self) -> None:
        calm = int(CALM * self._load.events)
        for number, heard in enumerate(
            sorted(self._chance.randrange(calm) for _ in range(self._load.kills))
        ):
            await self._until(functools.partial(self._has_heard, heard))
            await asyncio.sleep(self._chance.uniform(0, MOMENT_S))
            await self._site.strike(number)
        for share in (CALM, (1 + CALM) / 2):
            await self._until(functools.partial(self._has_heard, int(share * self._load.events)))
            self._note_memory(f"after {share:.0%} of the events")

    def _note_memory(self, when: str) -> None:
        self.figures.append(f"{self._site.memory_mb:9.1f} MB resident {when}")

    async def _drain(self) -> None:
        """Fill the queue of somebody who is not there, and let it run empty."""
        receiver, account = self._receivers[0], self._accounts[0]
        receiver.hangs_up = 0
        others = [one for one in self._receivers if one.user_id == account.user_id]
        share = self._load.drained // SENDERS  # the queue holds 10,000
        async with self._connected([one for one in others if one is not receiver]):
            await asyncio.gather(*(self._fill(number, share) for number in range(SENDERS)))
            began = time.monotonic()
            async with self._connected([receiver]):
                await self._until(self._all_is_heard)
            seconds = time.monotonic() - began
        count = share * SENDERS
        self.figures.append(
            f"{count / seconds:9.0f} events/s told and acknowledged, of {count} in one queue"
        )

    async def _fill(self, number: int, count: int) -> None:
        sender = self._sender(number)
        for _ in range(count):
            await sender.post((self._receivers[0].user_id,))

    # --- waiting ---

    async def _has_heard(self, count: int) -> bool:
        return self.ledger.heard >= count

    async def _all_have_queues(self) -> bool:
        statistics = await self._statistics()
        return statistics.get("queues") == self._load.devices

    async def _all_is_heard(self) -> bool:
        """And acknowledged."""
        for one in self._receivers:
            await one.acknowledge()
        statistics = await self._statistics()
        if statistics.get("waiting") != 0:
            return False
        self.ledger.faults += self.ledger.missing()
        return True

    async def _statistics(self) -> dict[str, Any]:
        path, token = "/api/admin/event-queues", str(SETTINGS["ADMIN_TOKEN"])
        answer = await self._rest(0).call("GET", path, token=token)
        return answer.whole if answer and answer.status == 200 else {}

    async def _until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Wait for something, while anything happens.

        Raises:
            TimeoutError: Nothing did.
        """
        heard, since = self.ledger.heard, time.monotonic()
        while not await condition():
            if self.ledger.heard != heard:
                heard, since = self.ledger.heard, time.monotonic()
            if time.monotonic() - since > LIMIT_S:
                raise TimeoutError(f"nothing was heard for {LIMIT_S:g} s")
            await asyncio.sleep(AGAIN_S)


async def play_queues(engine: str, folder: Path, load: QueueLoad) -> QueueReport:
    """Send, hear and kill, and judge."""
    done: Counter[str] = Counter()
    chance = random.Random(f"{load.seed} {engine}")
    site = ENGINES[engine](folder, chance, done, load.nodes)
    ended_by: list[str] = []
    try:
        await site.begin(0)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as http:
            http._retry_connection = False  # what had no answer is to be told
            play = Play(site, http, load)
            await play.settle()
            await play.run()
    except* TimeoutError as errors:
        ended_by = [f"it did not come to its end: {one!r}" for one in errors.exceptions]
    finally:
        await site.end()
    raised = [f"the server raised: {line}" for line in site.raised]
    return QueueReport(done, play.figures, play.ledger.faults + ended_by + raised + site.damage())
