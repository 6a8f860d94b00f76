"""One side of the conversation: keys, a connection, and all that it heard."""

import asyncio
import socket
import uuid
from collections.abc import Callable
from typing import Any

import socketio

from scripts.demo_parts.sealing import (
    Keys,
    Link,
    PublicKeys,
    accept,
    context,
    open_message,
    seal_message,
)

LIMIT_S = 10
"""For an answer, or for an event to be heard."""


class DemoError(Exception):
    """The story cannot go on; the text says why."""


class RefusedError(DemoError):
    """The server refused an event; `word` is its word for it."""

    def __init__(self, event: str, answer: dict[str, Any]) -> None:
        super().__init__(f"{event} was refused: {answer.get('error')}, {answer.get('message')}")
        self.word = str(answer.get("error"))


class Person:
    """A member of the session.

    Attributes:
        heard: Every event, with its data, in order.
        answers: Every acknowledgement, in order.
        peers: The public keys of the others, once proved.
        member_token: Proves who this is when it comes back.
        seq: The newest place in the session's log that this person knows of.
    """

    def __init__(self, url: str, link: Link, user_id: str, name: str) -> None:
        self._url = url
        self.link = link
        self.user_id = user_id
        self._name = name
        self.keys = Keys()
        self.peers: dict[str, PublicKeys] = {}
        self.heard: list[tuple[str, Any]] = []
        self.answers: list[dict[str, Any]] = []
        self.seq = 0
        self.member_token = ""
        self._news = asyncio.Condition()
        self._client = socketio.AsyncClient()

    # --- the connection ---

    async def connect(self, *transports: str) -> str:
        """Connect anew.

        Returns:
            The transport in use, after an upgrade if there was one.
        """
        self._client = socketio.AsyncClient(reconnection=False)
        self._client.on("*", self._hear)
        try:
            await self._client.connect(self._url, transports=list(transports), wait_timeout=LIMIT_S)
        except socketio.exceptions.ConnectionError as error:
            raise DemoError(f"{self.user_id} cannot connect: {error}") from None
        return str(self._client.transport())

    async def lose_connection(self) -> None:
        """Have the TCP connection end without a word of either protocol."""
        lost = asyncio.Event()
        self._client.on("disconnect", lambda reason: lost.set())
        self._client.eio.ws.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        async with asyncio.timeout(LIMIT_S):
            await lost.wait()

    async def disconnect(self) -> None:
        """End the connection, without waiting for an answer to a last poll."""
        await self._client.eio.disconnect(abort=True)

    # --- words of the wire ---

    async def join(self, session_id: str, **more: Any) -> dict[str, Any]:
        """Join under an encrypted name; `session_id` may be `id:key`."""
        name = self.link.seal_name(self._name)
        joined = await self.ask("join-session", sessionId=session_id, displayName=name, **more)
        self.member_token = joined["memberToken"]
        return joined

    async def ask(self, event: str, **fields: Any) -> dict[str, Any]:
        """Emit an event in the session and return its acknowledgement.

        Raises:
            RefusedError: The server said no.
        """
        own = {"sessionId": self.link.session_id, "userId": self.user_id}
        try:
            answer = await self._client.call(event, {**own, **fields}, timeout=LIMIT_S)
        except socketio.exceptions.SocketIOError as error:
            raise DemoError(f"{self.user_id} got no answer to {event}: {error!r}") from None
        self.answers.append(answer)
        self._note_seq(answer)
        if not answer["success"]:
            raise RefusedError(event, answer)
        return dict(answer)

    async def hear(self, event: str, fits: Callable[[Any], bool] = lambda data: True) -> Any:
        """The data of the first such event, once it has been heard."""
        async with self._news:
            try:
                async with asyncio.timeout(LIMIT_S):
                    await self._news.wait_for(lambda: self.all_heard(event, fits))
            except TimeoutError:
                raise DemoError(f"{self.user_id} waited for {event} in vain") from None
        return self.all_heard(event, fits)[0]

    def all_heard(self, event: str, fits: Callable[[Any], bool] = lambda data: True) -> list[Any]:
        return [data for name, data in self.heard if name == event and fits(data)]

    async def _hear(self, event: str, data: Any = None) -> None:
        async with self._news:
            self.heard.append((event, data))
            self._note_seq(data)
            self._news.notify_all()

    def _note_seq(self, data: Any) -> None:
        if isinstance(data, dict):
            self.seq = max(self.seq, data.get("seq", 0))

    # --- what only members can read ---

    def meet(self, members: list[dict[str, Any]]) -> None:
        """Take the keys of all others.

        Raises:
            ValueError: The link does not prove them.
        """
        self.peers = {
            member["userId"]: accept(self.link, member["userId"], member["publicKey"])
            for member in members
            if member["userId"] != self.user_id
        }

    async def send(self, plaintext: str, to: str, kind: str, original: str) -> dict[str, Any]:
        """Seal a message for everybody or one member, and send it."""
        message_id = str(uuid.uuid4())
        recipients = self.peers if to == "all" else {to: self.peers[to]}
        about = context(self.link.session_id, self.user_id, to, message_id, kind)
        encrypted = seal_message(plaintext, about, self.keys, recipients)
        return await self.post(message_id, encrypted, to, kind, original)

    async def post(
        self, message_id: str, encrypted: dict[str, Any], to: str, kind: str, original: str
    ) -> dict[str, Any]:
        """Send what is encrypted already.

        Args:
            original: Goes along as `originalContent`, as old clients send the plaintext.

        Returns:
            The acknowledgement: the message as the server has it.
        """
        return await self.ask(
            "send-message",
            id=message_id,
            to=to,
            type=kind,
            encrypted=encrypted,
            originalContent=original,
            **{"from": self.user_id},
        )

    def read(self, message: dict[str, Any]) -> str:
        """The plaintext of a message that was heard."""
        sender = message["from"]
        about = context(self.link.session_id, sender, message["to"], message["id"], message["type"])
        return open_message(
            message["encrypted"], about, self.user_id, self.keys, self.peers[sender]
        )
