"""One of the people in the channel, at its connection to `/chat`."""

import asyncio
import time
from typing import Any

import aiohttp

from scripts.crowd_parts.channel.figures import Delays
from scripts.crowd_parts.channel.model import Model, Said
from scripts.crowd_parts.line import Line, Papers

NAMESPACE = "/chat"

TRIES = 5
"""Of what a busy server refuses for now."""

WORDS = "the minutes of Thursday are in the usual place, please look at them"
"""What everybody says, after its number."""


class Clock:
    """When each message was sent, and how long it was on its way."""

    def __init__(self) -> None:
        self.delivery = Delays()
        self.answer = Delays()
        self._sent_s: dict[int, float] = {}

    def send(self, number: int) -> None:
        self._sent_s[number] = time.perf_counter()

    def since(self, number: int) -> float:
        return time.perf_counter() - self._sent_s[number]


class Member:
    def __init__(
        self, http: aiohttp.ClientSession, model: Model, clock: Clock, user_id: str, papers: Papers
    ) -> None:
        self._http = http
        self._model = model
        self._clock = clock
        self._papers = papers
        self._line = Line(http, papers, self._hear, NAMESPACE)
        self.witness = model.witness(user_id)
        self.user_id = user_id
        self.newest: tuple[str, int] | None = None
        """Id and sequence of the newest message of another."""

    async def ask_http(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """What a route answers."""
        async with self._http.request(
            method, path, json=body, headers=self._papers.headers
        ) as answer:
            found: dict[str, Any] = await answer.json()
        if not found["success"]:
            self._model.fault(f"{method} {path}: {found['error']}")
        return found

    async def enter(self, workspace_id: str, conversation_id: str) -> None:
        """Take part: hear of the workspace, and be present in its channel."""
        self._conversation_id = conversation_id
        await self._line.connect()
        await self._ask("join_workspace", workspaceId=workspace_id)
        await self._ask("join_conversation", conversationId=conversation_id)

    async def say(self, number: int) -> None:
        self._clock.send(number)
        answer = await self._ask(
            "send_message",
            conversationId=self._conversation_id,
            content=f"{number} {WORDS}",
            clientMessageId=f"m-{number}",
        )
        if answer["success"]:
            self._clock.answer.note(self._clock.since(number))
            message = answer["message"]
            self._model.say(Said(number, message["id"], message["seq"], self.user_id))

    async def type(self) -> None:
        await self._ask("typing_start", conversationId=self._conversation_id)

    async def read(self, message_id: str, seq: int) -> None:
        """Have read all up to a message."""
        where = {"conversationId": self._conversation_id}
        answer = await self._ask("mark_as_read", messageId=message_id, **where)
        if answer["success"]:
            self._model.read(self.witness, seq)

    async def read_all(self, seq: int) -> None:
        """Have read all, of which the newest has this sequence; nothing is left then."""
        answer = await self._ask("mark_as_read", conversationId=self._conversation_id)
        self._model.read(self.witness, seq)
        if answer.get("unreadCount") != 0:
            self._model.fault(f"{self.user_id} has read all, and is told {answer}")

    async def delete(self, message_id: str, seq: int) -> None:
        where = {"conversationId": self._conversation_id}
        answer = await self._ask("delete_message", messageId=message_id, **where)
        if answer["success"]:
            self._model.delete(seq)

    async def count_unread(self, workspace_id: str) -> None:
        """Compare what the server counts with what it must."""
        answer = await self.ask_http("GET", f"/chat/workspaces/{workspace_id}/unread-count")
        told = answer["conversations"].get(self._conversation_id, 0)
        self._model.expect_unread(self.witness, told)

    async def leave(self) -> None:
        await self._line.crash()

    async def _ask(self, event: str, **payload: Any) -> dict[str, Any]:
        """Ask, and ask again while the server is too busy: as clients do, under the same id."""
        for _ in range(TRIES):
            answer = await self._line.ask(event, payload)
            self._model.counts[f"{event}: {answer.get('error', 'ok')}"] += 1
            if answer.get("error") != "unavailable":
                break
            await asyncio.sleep(answer.get("retryAfterMs", 0) / 1000)
        if not answer["success"]:
            self._model.fault(f"{event} of {self.user_id}: {answer['error']}")
        return answer

    def _hear(self, event: str, data: Any) -> None:
        if event == "ack":
            return
        self._model.counts[f"heard {event}"] += 1
        if event == "message:new":
            message = data["message"]
            self._clock.delivery.note(self._clock.since(int(message["content"].partition(" ")[0])))
            self._model.hear(self.witness, message["seq"], str(message["userId"]))
            self.newest = message["id"], message["seq"]
