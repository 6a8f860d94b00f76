"""A device of somebody, over HTTP: it signs in, publishes keys, sends and reads."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from scripts.demo_parts.line import DemoError
from scripts.demo_parts.protocol import primitives
from scripts.demo_parts.protocol.primitives import KEY_BYTES
from scripts.demo_parts.secure_chat.keys import ONE_TIME, Keys, to_base64
from scripts.demo_parts.secure_chat.line import Line
from scripts.demo_parts.secure_chat.sessions import Sessions
from scripts.demo_parts.secure_chat.x3dh import Bundle, read_bundles


class RefusedError(DemoError):
    """The server refuses; `word` is its error."""

    def __init__(self, about: str, status: int, word: str) -> None:
        super().__init__(f"{about} was refused: {status} {word}")
        self.status = status
        self.word = word


@dataclass
class Account:
    """Somebody's, with a name, a password and an identity key that nobody else has."""

    name: str
    username: str = field(default_factory=lambda: f"demo-{secrets.token_hex(6)}")
    password: str = field(default_factory=lambda: f"Pw-{secrets.token_urlsafe(24)}")
    seed: bytes = field(default_factory=lambda: primitives.random(KEY_BYTES))
    user_id: str = ""

    @property
    def email(self) -> str:
        return f"{self.username}@demo.example"


class Device:
    """One device.

    Attributes:
        answers: Every answer of the server, as text.
        tokens: Every token that it ever had.
        pinned: The identity keys of others, as they were seen first.
        read: The texts of the messages that it has read, by their ids.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        account: Account,
        device_id: str,
        one_time: int = ONE_TIME,
    ) -> None:
        self.account = account
        self.device_id = device_id
        self.keys = Keys(account.seed, one_time)
        self.line = Line(http)
        self.answers: list[str] = []
        self.tokens: list[str] = []
        self.pinned: dict[str, bytes] = {}
        self.read: dict[str, str] = {}
        self.access_token = ""
        self.refresh_token = ""
        self._http = http
        self.sessions = Sessions(self.keys, "", device_id)

    def secrets(self) -> Iterator[tuple[str, str | bytes]]:
        """What the server must not keep, by what it is."""
        yield "the password", self.account.password
        yield from (("a private key", one) for one in self.keys.secrets())
        yield from (("a message key", one) for one in self.sessions.made)
        yield from (("a token", one) for one in self.tokens)

    # --- signing in ---

    async def sign_up(self) -> None:
        one = self.account
        body = {"username": one.username, "email": one.email, "password": one.password}
        answer = await self.ask("POST", "/api/auth/signup", {**body, "displayName": one.name})
        one.user_id = answer["userId"]

    async def log_in(self) -> dict[str, Any]:
        """Show the password; the keys are still to be registered then."""
        one = self.account
        body = {"email": one.email, "password": one.password, "deviceId": self.device_id}
        answer = await self.ask("POST", "/api/auth/login", {**body, "deviceType": "demo"})
        self.sessions.user_id = one.user_id
        self._keep(registrationToken=answer["registrationToken"])
        return answer

    async def register(self) -> dict[str, Any]:
        """Publish the first keys, and get the tokens."""
        answer = await self.ask(
            "POST",
            "/api/keys/register",
            {
                "deviceId": self.device_id,
                "identityPublicKey": to_base64(self.keys.identity),
                "identityKeyType": "ed25519",
                "registrationToken": self.tokens[-1],
                **self.keys.published(),
            },
        )
        self._keep(**answer)
        return answer

    async def enter(self) -> None:
        """All of it."""
        await self.sign_up()
        await self.log_in()
        await self.register()

    async def refresh(self) -> None:
        """Exchange the refresh token, which is good once."""
        body = {"refreshToken": self.refresh_token}
        self._keep(**await self.ask("POST", "/api/auth/refresh", body))

    async def connect(self) -> None:
        await self.line.open(self.access_token)

    async def rotate(self) -> dict[str, Any]:
        """Publish new keys; what was agreed on before is forgotten."""
        self.keys.renew()
        self.sessions.forget()
        return await self.ask("POST", "/api/keys/rotate", self.keys.published())

    async def delete_account(self) -> None:
        await self.ask("DELETE", "/api/auth/account", {"password": self.account.password})

    # --- messages ---

    async def bundles_of(self, user_id: str) -> list[Bundle]:
        """The keys of all devices of a user, after checking their signatures.

        Raises:
            ForgedError: One is wrong, or the identity key is another one than before.
        """
        answer = await self.ask("GET", f"/api/keys/user/{user_id}")
        bundles = read_bundles(answer, self.pinned.get(user_id))
        self.pinned.setdefault(user_id, bundles[0].identity)
        return bundles

    async def send(self, user_id: str, message_id: str, text: str) -> dict[str, Any]:
        """Send a message over HTTP; the answer."""
        return await self.ask(
            "POST", "/api/messages/send", await self.written(user_id, message_id, text)
        )

    async def written(self, user_id: str, message_id: str, text: str) -> dict[str, Any]:
        """A message as it is sent, over HTTP or the WebSocket."""
        peers = [self.sessions.agree(one) for one in await self.bundles_of(user_id)]
        return {
            "recipientId": user_id,
            "messageType": "direct",
            **self.sessions.encrypt(message_id, text, peers),
        }

    def open(self, message: dict[str, Any]) -> str:
        """The text of a message, which may come more than once.

        Raises:
            ForgedError: It cannot be read.
        """
        message_id = message["messageId"]
        if message_id not in self.read:
            self.read[message_id] = self.sessions.decrypt(message)
        return self.read[message_id]

    # --- HTTP ---

    async def ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """The data of what the server answers.

        Raises:
            RefusedError: It refuses.
        """
        data: dict[str, Any] = (await self.request(method, path, body))["data"]
        return data

    async def request(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """All of what it answers, as APIs without `data` have it.

        Args:
            body: Bytes or a form as they are, or what JSON has.

        Raises:
            RefusedError: It refuses.
        """
        given = {"data" if isinstance(body, bytes | aiohttp.FormData) else "json": body}
        async with self._http.request(method, path, headers=self._headers, **given) as response:
            self.answers.append(await response.text())
            answer: dict[str, Any] = await response.json(content_type=None)
            if not response.ok:
                raise RefusedError(f"{method} {path}", response.status, answer["error"])
        return answer

    async def fetch(self, path: str, start: int, last: int) -> bytes:
        """The bytes of a file, from one to another.

        Raises:
            RefusedError: The server does not give them.
        """
        wanted = {**self._headers, "Range": f"bytes={start}-{last}"}
        async with self._http.get(path, headers=wanted) as response:
            if not response.ok:
                answer = await response.json(content_type=None)
                raise RefusedError(f"GET {path}", response.status, answer["error"])
            return await response.read()

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access_token}"} if self.access_token else {}

    def _keep(self, **tokens: Any) -> None:
        for name in ("registrationToken", "accessToken", "refreshToken"):
            if name in tokens:
                self.tokens.append(tokens[name])
        self.access_token = tokens.get("accessToken", self.access_token)
        self.refresh_token = tokens.get("refreshToken", self.refresh_token)
