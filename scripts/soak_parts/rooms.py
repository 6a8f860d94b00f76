"""Rooms of ten, in which everybody sends numbered messages and some come and go."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable

from msgspec import Struct, field

from scripts.soak_parts.member import POLLING, UPGRADED, WEBSOCKET, Member
from tests.talk.checker import Ledger
from tests.talk.wires import Address

KINDS = (WEBSOCKET,) * 4 + (POLLING,) * 3 + (UPGRADED,) * 3
"""Of the members of one room."""

LEAVERS = (3, 6, 9)
"""Places of those who leave, one of each kind. The others lose their lines, and stay members."""

BURST = 5
"""Messages at most that a member sends at once."""

ROUND_LIMIT_S = 10.0

FATES, MOVES = 0.05, 0.2
"""How probable it is for one member in one round that it goes, and that it upgrades."""


Turn = Callable[[Member], Awaitable[None]]


class SoakError(Exception):
    """It cannot go on."""


class Tally(Struct):
    """Of all rooms together.

    Attributes:
        wanted: Deliveries, after which all come to an end.
    """

    wanted: int
    done: Counter[str] = field(default_factory=Counter)
    ledgers: list[Ledger] = field(default_factory=list)

    @property
    def deliveries(self) -> int:
        return sum(ledger.deliveries for ledger in self.ledgers)

    @property
    def faults(self) -> list[str]:
        return [fault for ledger in self.ledgers for fault in ledger.faults]


class Room:
    """One room, from its first member to the verdict."""

    def __init__(self, address: Address, number: int, seed: int, tally: Tally) -> None:
        self._name = f"room {number}"
        # For each member, so that the machine's pace changes nobody's fate.
        self._chances = [
            random.Random(f"{seed} {number} {place}")  # noqa: S311  # nothing secret
            for place, _ in enumerate(KINDS)
        ]
        self._tally = tally
        self._ledger = Ledger(self._name)
        tally.ledgers.append(self._ledger)
        self._members = [
            Member(address, self._name, place, self._ledger, tally.done)
            for place, _ in enumerate(KINDS)
        ]
        self._reachable = [
            member.name for place, member in enumerate(self._members) if place not in LEAVERS
        ]

    async def run(self) -> None:
        """Talk, round after round, until there were enough deliveries; then check them.

        Raises:
            SoakError: A round did not end.
        """
        try:
            await self._round(self._be_there)
            while self._tally.deliveries < self._tally.wanted and not self._tally.faults:
                await self._round(self._turn)
            await self._round(self._be_there)
            await self._round(Member.settle)
        finally:
            for member in self._members:
                member.close()
        self._ledger.close()

    async def _round(self, turn: Turn) -> None:
        """Everybody at the same time; the next begins when all are done."""
        turns = [asyncio.ensure_future(turn(member)) for member in self._members]
        _, waiting = await asyncio.wait(
            turns, timeout=ROUND_LIMIT_S, return_when=asyncio.FIRST_EXCEPTION
        )
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        ended = [f"{one.name} {one.was_ended}" for one in self._members if one.was_ended]
        failed = [repr(one.exception()) for one in turns if not one.cancelled() and one.exception()]
        if waiting or ended or failed:
            raise SoakError(f"{self._name}: {len(waiting)} wait in vain; {ended}; {failed}")

    async def _turn(self, member: Member) -> None:
        await self._be_there(member)
        chance = self._chances[self._members.index(member)]
        if member.can_move and chance.random() < MOVES:
            member.move()
        member.say(chance.randint(1, BURST), chance, self._reachable)
        # What the other nine send in this round arrives meanwhile.
        is_over = chance.random() < FATES
        if is_over and member.name in self._reachable:
            for _ in range(chance.choice([0, 1, 3, 10])):
                await asyncio.sleep(0)  # up to somewhere in the middle of its own traffic
            member.drop()
            return
        await member.answered()
        if is_over:
            await member.leave()

    async def _be_there(self, member: Member) -> None:
        if member.is_away:
            await member.come(KINDS[self._members.index(member)])
