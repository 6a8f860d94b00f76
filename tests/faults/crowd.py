"""Users of random groups over many nodes, and the verdict on all of their groups."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import aiohttp

from tests.faults.company import Company
from tests.faults.nodes import SETTINGS, Node
from tests.faults.stranger import Stranger
from tests.talk.checker import Ledger

_HEADERS = {"Authorization": f"Bearer {SETTINGS['ADMIN_TOKEN']}"}

_LIMIT_S = 5.0
"""For a directory to be what it is to be."""


class Crowd(Company):
    """Strangers at all nodes in turn, and a ledger for each group that they came into.

    Attributes:
        may_lose_groups: Groups may end for all who are in them; else none is to.
    """

    talkers: list[Stranger]

    def __init__(
        self, nodes: Sequence[Node], strangers: int, done: Counter[str], pace_s: float
    ) -> None:
        self._nodes = nodes
        self._done = done
        self._pace_s = pace_s
        self._ledgers: dict[str, Ledger] = {}
        self.name = "random groups"
        self.may_lose_groups = False
        self.talkers = [self._stranger(number) for number in range(strangers)]

    def _stranger(self, number: int) -> Stranger:
        return Stranger(
            lambda: [node.address for node in self._nodes],
            number,
            self._ledger,
            self._done,
            self._pace_s,
        )

    def change(self) -> None:
        """Put as many others in the place of all who were there: who parted does not meet soon."""
        first = self.talkers[-1].number + 1 if self.talkers else 0
        self.talkers = [self._stranger(first + place) for place in range(len(self.talkers))]

    def _ledger(self, group_id: str) -> Ledger:
        return self._ledgers.setdefault(group_id, Ledger(f"group {group_id}"))

    @property
    def ledgers(self) -> list[Ledger]:
        return list(self._ledgers.values())

    @property
    def _groups(self) -> dict[str, list[Stranger]]:
        """Who is where."""
        found: dict[str, list[Stranger]] = {}
        for talker in self.talkers:
            if talker.place:
                found.setdefault(talker.place.group_id, []).append(talker)
        return found

    @property
    def _is_level(self) -> bool:
        return all(
            len({talker.last for talker in members}) == 1 for members in self._groups.values()
        )

    async def leave(self) -> list[str]:
        """Have everybody leave; what is wrong with who was where, and what remains, in words."""
        faults = await self._misnamed()
        faults += self._misled()
        await asyncio.gather(*(talker.leave() for talker in self.talkers))
        return faults + [f"who left is there still: {fault}" for fault in await self._compared({})]

    async def _misnamed(self) -> list[str]:
        counts = {group_id: len(members) for group_id, members in self._groups.items()}
        return await self._compared(counts)

    def _misled(self) -> list[str]:
        """Who was told otherwise than it is of who is in its group, or that somebody left."""
        faults = [
            f"{talker.name} believes to be with {talker.place and talker.place.members}"
            for members in self._groups.values()
            for talker in members
            if talker.place and talker.place.members != {one.name for one in members}
        ]
        if left := self._done["heard user_left"]:
            faults.append(f"{left} times somebody left a group, and nobody did")
        ended = sum(self._done[f"groups {how}"] for how in ("closed", "gone while away"))
        if ended and not self.may_lose_groups:
            faults.append(f"{ended} times somebody lost its group")
        return faults

    async def _compared(self, expected: dict[str, int]) -> list[str]:
        """Where the directory of a node says another thing for long."""
        for node in self._nodes:
            try:
                async with asyncio.timeout(_LIMIT_S):
                    while (found := await directory_of(node)) != expected:
                        await asyncio.sleep(0.05)
            except TimeoutError:
                return [f"the directory has {found}, and there are {expected}"]
        return []

    def close(self) -> None:
        """Judge the groups that there are; of others it counts that all were told of the end."""
        for group_id in self._groups:
            self._ledgers[group_id].close()


async def directory_of(node: Node) -> dict[str, int]:
    """How many members the groups have, as a node tells its operators."""
    url = f"http://{node.address.name}/api/groups?page=1&limit=100"
    async with aiohttp.ClientSession(headers=_HEADERS) as http, http.get(url) as answer:
        shown = await answer.json()
    return {group["id"]: group["currentMembers"] for group in shown.get("groups", ())}
