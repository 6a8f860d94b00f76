"""Rooms full of talk over many nodes, and the verdict on every message."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager

from msgspec import Struct

from tests.faults.company import Company
from tests.faults.crowd import Crowd
from tests.faults.nodes import Node
from tests.faults.speaker import Speaker
from tests.faults.talker import Talker
from tests.talk.checker import Ledger

LIMIT_S = 40.0
"""For anything that is waited for, on a machine that has much else to do."""

STRANGERS_PACE_S = 0.3
"""Between two messages of one: groups keep their newest 500, and nobody is to miss more."""


class Load(Struct, frozen=True):
    """How many talk, and how much; `pace_s` is between two messages of one member.

    Attributes:
        strangers: Who are in random groups.
    """

    nodes: int = 3
    rooms: int = 3
    members: int = 4
    strangers: int = 6
    pace_s: float = 0.12


class Report(Struct, frozen=True):
    """What was said and heard in all rooms.

    Attributes:
        done: How often what happened, in words.
        deliveries: To others than the sender; `recovered` of them from the history.
        faults: In words; none if each acknowledged message was delivered once, in order.
        account: How everybody stands, and what the servers said last.
    """

    done: Counter[str]
    deliveries: int
    recovered: int
    faults: list[str]
    account: list[str]

    @property
    def refused(self) -> int:
        return refused(self.done)

    @property
    def lost(self) -> int:
        return sum(": lost " in fault for fault in self.faults)

    @property
    def doubled(self) -> int:
        return sum(": doubled " in fault for fault in self.faults)

    @property
    def text(self) -> str:
        """A table, all faults, and the account."""
        first = {
            "sent, again included": self.done["sent"],
            "acknowledged": self.done["acknowledged"],
            "refused": self.refused,
            "delivered": self.deliveries,
            "of them from the history": self.recovered,
            "lost": self.lost,
            "doubled": self.doubled,
        }
        rest = {what: n for what, n in sorted(self.done.items()) if what not in first}
        table = [f"{count:9} {what}" for what, count in (first | rest).items() if what != "sent"]
        return "\n".join((*table, *(f"FAULT {fault}" for fault in self.faults), *self.account))


def refused(done: Counter[str]) -> int:
    """How many messages were."""
    return sum(n for what, n in done.items() if what.startswith("messages refused"))


class Room(Company):
    """Talkers at all nodes in turn, and the ledger of what they hear."""

    def __init__(
        self, nodes: Sequence[Node], name: str, members: int, done: Counter[str], pace_s: float
    ) -> None:
        self.name = name
        self.ledger = Ledger(name)
        self.talkers = [
            Talker(
                lambda: [node.address for node in nodes], name, number, self.ledger, done, pace_s
            )
            for number in range(members)
        ]

    @property
    def ledgers(self) -> list[Ledger]:
        return [self.ledger]

    @property
    def _is_level(self) -> bool:
        return len({talker.last for talker in self.talkers}) == 1

    def close(self) -> None:
        self.ledger.close()


class Talk:
    """All rooms, and the crowd of those who are in random groups, which counts as one room."""

    def __init__(self, nodes: Sequence[Node], load: Load, *, loses_groups: bool) -> None:
        self._nodes = nodes
        self.done: Counter[str] = Counter()
        self._crowd = Crowd(nodes, load.strangers, self.done, STRANGERS_PACE_S)
        self._crowd.may_lose_groups = loses_groups
        self.rooms: list[Company] = [
            Room(nodes, f"room-{number}", load.members, self.done, load.pace_s)
            for number in range(load.rooms)
        ]
        if load.strangers:
            self.rooms.append(self._crowd)
        self._tasks: dict[Speaker, asyncio.Task[None]] = {}
        self._heard = (0, 0)  # before the part that is judged next

    @property
    def _talkers(self) -> list[Speaker]:
        return [talker for room in self.rooms for talker in room.talkers]

    @property
    def has_converged(self) -> bool:
        return all(room.has_converged for room in self.rooms)

    def _hush(self, is_silent: bool) -> None:
        for talker in self._talkers:
            talker.is_silent = is_silent

    def begin(self) -> None:
        for talker in self._talkers:
            if talker not in self._tasks:
                self._tasks[talker] = asyncio.create_task(talker.run())

    async def cease(self) -> None:
        await self._end(self._talkers)

    async def _end(self, talkers: Iterable[Speaker]) -> None:
        tasks = [self._tasks.pop(talker) for talker in talkers]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def more(self, count: int, limit_s: float = LIMIT_S) -> None:
        """Wait until so many more messages were acknowledged in every room.

        Raises:
            TimeoutError: They were not.
        """
        wanted = [room.acknowledged + count for room in self.rooms]
        await self.until(
            lambda: all(
                room.acknowledged >= number for room, number in zip(self.rooms, wanted, strict=True)
            ),
            limit_s,
        )

    async def until(self, condition: Callable[[], object], limit_s: float = LIMIT_S) -> None:
        """Wait for a condition; a talker that has failed, or a fault, ends the waiting.

        Raises:
            TimeoutError: It did not come true.
        """
        async with asyncio.timeout(limit_s):
            while not condition():
                for task in self._tasks.values():
                    if task.done():
                        task.result()
                await asyncio.sleep(0.02)

    async def gathered(self) -> None:
        """Wait until everybody is in its room."""
        await self.until(lambda: all(talker.is_there for talker in self._talkers))

    async def all_know_all(self) -> None:
        """Have nobody say more until everybody has heard what was said, and then go on.

        Raises:
            TimeoutError: Somebody has not heard it: nothing that comes later shows the gap.
        """
        self._hush(True)
        await self.until(lambda: self.has_converged)
        self._hush(False)

    async def go_on(self, seconds: float) -> None:
        """Have all talk for so long, since it is a time that counts."""
        ends_s = time.monotonic() + seconds
        await self.until(lambda: time.monotonic() >= ends_s, seconds + LIMIT_S)

    async def go_on_until_refused(self, seconds: float) -> None:
        """Have all talk for so long, and until a message is refused.

        Of that time a machine may stand still through all but a moment, in which a command to
        Redis is not given up.

        Raises:
            TimeoutError: Nobody is refused.
        """
        before = refused(self.done)
        await self.go_on(seconds)
        await self.until(lambda: refused(self.done) > before)

    async def go_on_anew(self, *, loses_groups: bool) -> None:
        """Talk again after a verdict that found no fault; the next one counts from here on.

        The rooms are those of before. Strangers are others.
        """
        await self._end(self._crowd.talkers)
        self.done.clear()
        self._heard = self._counted
        for node in self._nodes:
            node.turn_page()
        self._crowd.may_lose_groups = loses_groups
        self._crowd.change()
        self._hush(False)
        self.begin()

    @property
    def _ledgers(self) -> list[Ledger]:
        return [ledger for room in self.rooms for ledger in room.ledgers]

    @property
    def _counted(self) -> tuple[int, int]:
        """Deliveries, and those of them from the history."""
        return (
            sum(ledger.deliveries for ledger in self._ledgers),
            sum(ledger.recovered for ledger in self._ledgers),
        )

    async def judged(self) -> Report:
        """Have everybody say what it has to say, hear all, and leave its group; then judge."""
        late: list[str] = []
        await self._converge(late)
        # A word more from all: what is told late, or twice, comes before it.
        self._hush(False)
        await self._said_more(late)
        await self._converge(late)
        for room in self.rooms:
            room.close()
        if not late:
            late += await self._crowd.leave()
        states = [f"{room.name} {one.state}" for room in self.rooms for one in room.talkers]
        faults = [fault for ledger in self._ledgers for fault in ledger.faults]
        raised = [f"a node raised: {line}" for node in self._nodes for line in node.raised]
        deliveries, recovered = map(int.__sub__, self._counted, self._heard)
        return Report(Counter(self.done), deliveries, recovered, faults + late + raised, states)

    async def _said_more(self, late: list[str]) -> None:
        before = {talker: talker.acknowledged for talker in self._talkers}
        await self._until_or_note(
            lambda: all(talker.acknowledged > before[talker] for talker in self._talkers),
            "who should talk again",
            late,
        )

    async def _converge(self, late: list[str]) -> None:
        self._hush(True)
        await self._until_or_note(lambda: self.has_converged, "not all know all", late)

    async def _until_or_note(
        self, condition: Callable[[], bool], what: str, late: list[str]
    ) -> None:
        try:
            await self.until(condition)
        except TimeoutError:
            late.append(f"{what} within {LIMIT_S:g} s")
        except Exception as error:  # noqa: BLE001 - of one who talks, which is no end of the verdict
            late.append(f"{what}: {error!r}")


@asynccontextmanager
async def talking(
    nodes: Sequence[Node], load: Load, *, loses_groups: bool = False
) -> AsyncIterator[Talk]:
    """Rooms and groups whose members are spread over all nodes and talk."""
    talk = Talk(nodes, load, loses_groups=loses_groups)
    talk.begin()
    try:
        yield talk
    finally:
        await talk.cease()
