"""A member of the session at its connection."""

import asyncio
import secrets
from collections.abc import Callable
from typing import Any

from scripts.demo_parts.client.inbox import Entry
from scripts.demo_parts.client.member import Member
from scripts.demo_parts.client.outbox import payload_of
from scripts.demo_parts.line import DemoError, Line, RelayError
from scripts.demo_parts.protocol.contents import Content, Remove
from scripts.demo_parts.protocol.envelopes import Envelope
from scripts.demo_parts.protocol.identity import Identity
from scripts.demo_parts.protocol.link import Link
from scripts.demo_parts.protocol.packing import from_text, to_text

TICK_S = 1
TRIES = 20
"""Of a signal for which the server has no time."""


class Person:
    """Somebody in the session.

    Attributes:
        member: What it knows, and what it does by itself.
        line: What it says to the server, and hears of it.
        member_token: Proves who this is when it comes back.
    """

    def __init__(self, url: str, link: Link, identity: Identity, name: str) -> None:
        self.member = Member(link, identity, name)
        self.line = Line(url, name, self._take)
        self.member_token = ""
        self._new_token = secrets.token_urlsafe(32)
        self._is_joined = False
        self._turn = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def user_id(self) -> str:
        return self.member.user_id

    # --- coming and going ---

    async def connect(self, *transports: str) -> str:
        """Connect anew.

        Returns:
            The transport in use, after an upgrade if there was one.
        """
        return await self.line.connect(*transports)

    async def join(self, session_id: str | None = None, **more: Any) -> dict[str, Any]:
        """Join, or come back; from now on signals are sent and answered.

        Args:
            session_id: May be `id:key`; by default the key goes in a field of its own.
        """
        link = self.member.link
        key = {} if session_id else {"authKey": to_text(link.auth_key)}
        # The same again if no answer came: so the server knows that the creator has come back.
        token = {"newMemberToken": self._new_token}
        fields = {"sessionId": session_id or link.relay_session_id, **key, **token, **more}
        if self.member_token:
            fields |= {"memberToken": self.member_token, "since": self.line.seq}
        joined = await self.ask(
            "join-session", self._joined, **fields, publicKey=self.member.card()
        )
        self._tasks = [asyncio.create_task(run()) for run in (self._tick, self._post)]
        async with self._turn:
            await self._send_again()
        return joined

    async def lose_connection(self) -> None:
        """Have the TCP connection end without a word of either protocol."""
        await self._stop()
        await self.line.lose()

    async def disconnect(self) -> None:
        await self._stop()
        await self.line.end()

    def _joined(self, answer: dict[str, Any]) -> None:
        self.member_token = answer["memberToken"]
        self._is_joined = True
        self.member.joined(answer)

    def _take(self, event: str, data: Any) -> None:
        if self._is_joined:
            self.member.hear(event, data)

    async def _stop(self) -> None:
        self._is_joined = False
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended

    # --- saying ---

    async def ask(
        self,
        event: str,
        take: Callable[[dict[str, Any]], None] = lambda answer: None,
        **fields: Any,
    ) -> dict[str, Any]:
        """Emit an event in the session and return its acknowledgement.

        Args:
            take: Is given a good one before anything that comes behind it is heard.

        Raises:
            RelayError: The server said no.
        """
        own = {"sessionId": self.member.link.relay_session_id, "userId": self.user_id}
        return await self.line.ask(event, {**own, **fields}, take)

    async def send(self, content: Content, to: str | None = None, original: str = "") -> Envelope:
        """Seal a message for everybody or for one user id, and send it.

        Args:
            original: Goes along as `originalContent`, as old clients send the plaintext.
        """
        async with self._turn:
            await self._send_again()
            envelope = self.member.seal(content, from_text(to) if to else b"")
            await self._send(envelope, original)
        return envelope

    async def remove(self, user_id: str) -> None:
        """Put somebody out; only the creator may."""
        member_id = from_text(user_id)
        self.member.removed(member_id)
        await self.send(Remove(member_id))
        await self.ask("remove-member", userId=user_id)

    async def _send_again(self) -> None:
        """Send what may have reached the server or not: it has the same id, so no harm is done."""
        if self.member.outbox.unsettled:
            await self._send(self.member.outbox.unsettled)

    async def _send(self, envelope: Envelope, original: str = "") -> None:
        def settle(answer: dict[str, Any]) -> None:
            self.member.outbox.settle(envelope)

        payload = payload_of(envelope)
        try:
            await self.ask("send-message", settle, **payload, originalContent=original)
        except RelayError:
            self.member.outbox.drop()
            raise

    # --- hearing ---

    async def receive(self, fits: Callable[[Entry], bool]) -> Entry:
        """The first message of which that is true, once it is."""

        def fitting() -> list[Entry]:
            return [entry for entry in self.member.inbox.entries if fits(entry)]

        await self.line.until(fitting, "a message")
        return fitting()[0]

    async def fetch(self, file_id: bytes) -> bytes:
        """A file of which a message has told, once it has come."""
        self.member.fetch(file_id)
        self.line.news.ring()
        await self.line.until(lambda: file_id in self.member.files.here, "a file")
        return self.member.files.content_of(file_id)

    # --- what it does by itself ---

    async def _tick(self) -> None:
        # Once the connection is gone, nobody can be held to be silent.
        while not self.line.lost.is_set():
            self.member.tick()
            self.line.news.ring()
            await asyncio.sleep(TICK_S)

    async def _post(self) -> None:
        """Send signals when there are any, and tell of files that have come."""
        member = self.member
        while True:
            if member.complete:
                await self._tell_of(member.complete.pop(0))
            elif member.postman.letters:
                letter = member.postman.letters.popleft()
                await self._try("send-signal", to=letter.to, encrypted=letter.encrypted)
            else:
                await self.line.news.wait()

    async def _tell_of(self, file_id: bytes) -> None:
        for to in self.member.files.whom_to_tell(file_id):
            await self._try("file-downloaded", fileName=to_text(file_id), to=to)

    async def _try(self, event: str, **fields: Any) -> None:
        """Ask for something that whoever needs it will ask for again if it fails."""
        for _ in range(TRIES):
            try:
                await self.ask(event, **fields)
            except RelayError as error:
                if not error.retry_after_s:
                    return
                await asyncio.sleep(error.retry_after_s)
            except DemoError:
                return
            else:
                return
