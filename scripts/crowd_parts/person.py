"""Somebody who meets strangers, and does what comes to mind."""

import asyncio
from random import Random
from typing import Any

import aiohttp

from scripts.crowd_parts.checker import Checker
from scripts.crowd_parts.line import Line, LostError, Papers

DEEDS = {
    "say": 60, "type": 10, "join": 6, "join_by_http": 3, "next": 6, "leave": 3, "block": 3,
    "report": 2, "crash": 3,
}  # fmt: skip
"""What people do, and how often."""


class Person:
    def __init__(
        self,
        http: aiohttp.ClientSession,
        checker: Checker,
        user_id: str,
        papers: Papers,
        chance: Random,
    ) -> None:
        self._http = http
        self._checker = checker
        self._papers = papers
        self._chance = chance
        self._line: Line | None = None
        self._shunned: frozenset[str] = frozenset()
        self._neighbours: list[str] = []
        self.witness = checker.witness(user_id)
        self.user_id = user_id

    async def live(self, until: asyncio.Event, pause_s: float) -> None:
        """Do things until it is enough."""
        await self._connect()
        deeds, weights = list(DEEDS), list(DEEDS.values())
        while not until.is_set():
            (deed,) = self._chance.choices(deeds, weights)
            try:
                await getattr(self, f"_{deed}")()
            except LostError:
                await self._connect()
            self._checker.counts[f"did {deed}"] += 1
            await asyncio.sleep(pause_s * self._chance.random() * 2)

    async def current(self) -> str | None:
        """The group in which the server says that it is."""
        path, headers = "/api/groups/current", self._papers.headers
        async with self._http.get(path, headers=headers) as answer:
            group = (await answer.json())["group"]
        return group["id"] if group else None

    async def _connect(self) -> None:
        self.witness.place = None  # a member is told of its group
        self._line = await Line(self._http, self._papers, self._hear).connect()

    async def _ask(self, event: str, **payload: Any) -> dict[str, Any]:
        assert self._line
        # What is confirmed only later need not hold for this.
        self._shunned = self._checker.apart_from(self.user_id)
        answer = await self._line.ask(event, payload)
        self._checker.counts[f"{event}: {answer.get('error', 'ok')}"] += 1
        return answer

    def _hear(self, event: str, data: Any) -> None:
        if event == "joined_group":
            self._enter(data["group"], frozenset())
        elif event == "ack" and "group" in data:
            self._answered(data["group"])
        elif event == "ack" and data.get("message") == "Successfully left group":
            self._left()
        elif event == "key_rotation_needed":
            self._checker.hear(self.witness, event, data)
            self._look_around(data["members"])
        elif event not in ("ack", "session-error"):
            self._checker.hear(self.witness, event, data)
        if event == "group_closed" and data["groupId"] == self._group_id():
            self.witness.put_out_of.add(data["groupId"])
            self.witness.place = None

    def _answered(self, group: dict[str, Any]) -> None:
        place = self.witness.place
        if place and place.group_id == group["id"]:
            self._enter(group, frozenset())  # whom one has blocked there is there still
            return
        just_left = frozenset(self._neighbours) if place else frozenset()
        self._enter(group, self._shunned | just_left)
        self.witness.shuns |= just_left

    def _enter(self, group: dict[str, Any], shunned: frozenset[str]) -> None:
        self._checker.enter(self.witness, group, shunned)
        self._look_around(group["members"])

    def _left(self) -> None:
        self.witness.place = None
        self.witness.shuns |= set(self._neighbours)

    def _look_around(self, members: list[dict[str, Any]]) -> None:
        everybody = (str(member["userId"]) for member in members)
        self._neighbours = [one for one in everybody if one != self.user_id]

    def _group_id(self) -> str:
        return self.witness.place.group_id if self.witness.place else "nowhere"

    # --- deeds ---

    async def _say(self) -> None:
        await self._ask("send_group_message", groupId=self._group_id(), encryptedMessage="x" * 80)

    async def _type(self) -> None:
        await self._ask("typing_start", groupId=self._group_id())

    async def _join(self) -> None:
        await self._ask("join_random_group", publicKey=f"key of {self.user_id}")

    async def _join_by_http(self) -> None:
        path, headers = "/api/groups/join-random", self._papers.headers
        body = {"publicKey": f"key of {self.user_id}"}
        async with self._http.post(path, headers=headers, json=body) as answer:
            # Its connection is told of the group.
            self._checker.counts[f"{path}: {answer.status}"] += 1

    async def _next(self) -> None:
        await self._ask("next_group", publicKey=f"key of {self.user_id}")

    async def _leave(self) -> None:
        await self._ask("leave_group", groupId=self._group_id())

    async def _block(self) -> None:
        if self.witness.place and self._neighbours:
            blocked = self._chance.choice(self._neighbours)
            if (await self._ask("block_member", userId=blocked))["success"]:
                self.witness.shuns.add(blocked)

    async def _report(self) -> None:
        if self.witness.place and self._neighbours:
            subject = self._chance.choice(self._neighbours)
            about = {"groupId": self._group_id(), "userId": subject, "reason": "for no reason"}
            answer = await self._ask("report_member", **about)
            if answer["success"]:
                self.witness.shuns.add(subject)
                self._checker.counts["removed"] += answer["removed"]

    async def _crash(self) -> None:
        assert self._line
        await self._line.crash()
        if self._chance.random() < 0.5:
            await asyncio.sleep(self._chance.random())  # within the grace, or not
        await self._connect()
