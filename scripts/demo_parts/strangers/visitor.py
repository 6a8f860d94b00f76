"""A member of groups of strangers at its connection, in one group after the other."""

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp

from scripts.demo_parts.line import LIMIT_S, DemoError, Line, RelayError
from scripts.demo_parts.protocol.cards import is_name
from scripts.demo_parts.protocol.envelopes import new_message_id
from scripts.demo_parts.protocol.identity import new_identity
from scripts.demo_parts.protocol.strangers.cards import read_stranger_card, write_stranger_card
from scripts.demo_parts.protocol.strangers.messages import StrangerEnvelope
from scripts.demo_parts.strangers.inbox import Entry
from scripts.demo_parts.strangers.member import GroupMember, wall_clock_ms

TICK_S = 0.1
TRIES = 20
"""Of what the server has no time for."""

UNNAMED = "guest"
HISTORY_LIMIT = 200


class Visitor:
    """Somebody who meets strangers.

    Attributes:
        member: What it knows in its group; None outside of any.
        line: What it says to the server, and hears of it.
    """

    def __init__(self, url: str, token: str, user_id: str, login: str) -> None:
        self.user_id = user_id
        self.login = login
        self.member: GroupMember | None = None
        self.line = Line(url, login, self._hear)
        self.line.token = token
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def enter(cls, url: str, login: str) -> "Visitor":
        """Become known to the server as a guest.

        Raises:
            DemoError: It takes no guests, or does not answer.
        """
        timeout = aiohttp.ClientTimeout(total=LIMIT_S)
        try:
            async with (
                aiohttp.ClientSession(url, timeout=timeout) as http,
                http.post("/api/auth/guest", json={"login": login}) as response,
            ):
                said = await response.json()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise DemoError(f"{url} does not answer: {error}") from None
        if not said.get("success"):
            raise RelayError("a guest", said)
        user = said["user"]
        return cls(url, said["token"], str(user["id"]), user["login"])

    # --- coming and going ---

    async def connect(self) -> None:
        await self.line.connect("websocket")
        self._task = asyncio.create_task(self._work())

    async def disconnect(self) -> None:
        await self._stop()
        await self.line.end()

    async def lose_connection(self) -> None:
        """Have the TCP connection end without a word of either protocol."""
        await self._stop()
        await self.line.lose()

    async def come_back(self) -> None:
        """Connect again, and take what was missed.

        Raises:
            RelayError: One has been put out of the group meanwhile.
        """
        await self.connect()
        member = self._here()
        answer = await self.ask("get_group_messages", limit=HISTORY_LIMIT)
        member.catch_up(answer["messages"])
        self.line.news.ring()

    async def meet(self) -> GroupMember:
        """Come into a group."""
        return await self._join("join_random_group")

    async def next(self) -> GroupMember:
        """Leave the group for another."""
        return await self._join("next_group")

    async def leave(self) -> None:
        await self.ask("leave_group")
        self._here().ended = "left"

    # --- saying ---

    async def ask(
        self,
        event: str,
        take: Callable[[dict[str, Any]], None] = lambda answer: None,
        **fields: Any,
    ) -> dict[str, Any]:
        """Emit an event in the group, again if the server has no time; its acknowledgement.

        Args:
            take: Is given a good one before anything that comes behind it is heard.

        Raises:
            RelayError: The server said no.
        """
        whole = {"groupId": self._here().group_id, **fields}
        for _ in range(TRIES):
            try:
                return await self.line.ask(event, whole, take)
            except RelayError as error:
                if not error.retry_after_s:
                    raise
                await asyncio.sleep(error.retry_after_s)
        raise DemoError(f"the server has no time for {event}")

    async def say(self, text: str) -> StrangerEnvelope:
        """Say something to all.

        Raises:
            DemoError: Nobody is there, or the server said no.
        """
        async with self._turn:
            member = self._here()
            await self.line.until(lambda: not member.is_held, "the change that others know of")
            if member.outbox.unsettled:
                await self._post(member.outbox.unsettled)
            await self._send_keys(member)
            if not member.outbox.has_listeners:
                raise DemoError("nobody is here to read it")
            envelope = member.outbox.seal(text, wall_clock_ms())
            await self._post(envelope)
        return envelope

    async def block(self, user_id: str) -> None:
        await self.ask("block_member", userId=user_id)
        self._here().block(user_id)

    async def report(self, user_id: str, reason: str) -> None:
        """Report somebody to the operators, with all that it has said here, and block it."""
        evidence = self._here().evidence(user_id)
        await self.ask("report_member", userId=user_id, reason=reason, evidence=evidence)
        self._here().block(user_id)

    async def receive(self, fits: Callable[[Entry], bool]) -> Entry:
        """The first message of which that is true, once it is."""

        def fitting() -> list[Entry]:
            return [entry for entry in self._here().inbox.entries if fits(entry)]

        await self.line.until(fitting, "a message")
        return fitting()[0]

    # --- what it does by itself ---

    async def _join(self, event: str) -> GroupMember:
        identity = new_identity()
        login = self.login if is_name(self.login) else UNNAMED
        text = write_stranger_card(identity, self.user_id, login, wall_clock_ms())
        card = read_stranger_card(text, self.user_id)

        def enter(answer: dict[str, Any]) -> None:
            self.member = GroupMember(answer["group"], identity, card)

        async with self._turn:
            await self.line.ask(event, {"publicKey": text}, enter)
        return self._here()

    async def _work(self) -> None:
        """Send keys when they are due, and what others ask for."""
        while True:
            member = self.member
            if member and not member.ended:
                member.tick()
                async with self._turn:
                    await self._try(member)
                self.line.news.ring()
            await asyncio.sleep(TICK_S)

    async def _try(self, member: GroupMember) -> None:
        try:
            if member.are_keys_due:
                await self._send_keys(member)
            while member.letters and member is self.member:
                letter = member.letters.popleft()
                await self._give(letter.encrypted, to=letter.to)
        except DemoError:
            return  # whoever needs it asks again; and the next message brings keys

    async def _send_keys(self, member: GroupMember) -> None:
        if not member.outbox.needs_keys:
            return
        keys = member.outbox.begin_chain()
        if keys:
            await self._give(keys, lambda answer: member.outbox.keys_sent())

    async def _give(
        self,
        encrypted: str,
        take: Callable[[dict[str, Any]], None] = lambda answer: None,
        **to: str,
    ) -> None:
        fields = {"encryptedMessage": encrypted, "messageType": "key_exchange", **to}
        await self.ask("send_group_message", take, id=new_message_id(), **fields)

    async def _post(self, envelope: StrangerEnvelope) -> None:
        outbox, message_id = self._here().outbox, envelope.head.draft.message_id
        fields = {"encryptedMessage": envelope.text, "messageType": "text", "id": message_id}
        try:
            await self.ask("send_group_message", lambda answer: outbox.settle(envelope), **fields)
        except RelayError:
            outbox.drop()
            raise

    def _hear(self, event: str, data: Any) -> None:
        if self.member and not self.member.ended and isinstance(data, dict):
            self.member.hear(event, data)

    def _here(self) -> GroupMember:
        if not self.member:
            raise DemoError(f"{self.login} is in no group")
        return self.member

    async def _stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
