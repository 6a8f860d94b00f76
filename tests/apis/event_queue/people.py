"""People who use the event queue, as a client does that was written from its contract."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from tests.issuers import Signer

CLIENT_ID = "chat.apps.example"

NOW_S = 1_800_000_000


def id_token(signer: Signer, issuer: str, subject: str, **changes: Any) -> str:
    """What the issuer gives to somebody; None takes a claim away."""
    claims = {
        "iss": issuer,
        "aud": CLIENT_ID,
        "azp": CLIENT_ID,
        "sub": subject,
        "email": f"{subject}@example.com",
        "email_verified": True,
        "name": subject.title(),
        "iat": NOW_S - 10,
        "exp": NOW_S + 3600,
        **changes,
    }
    return signer.sign({name: value for name, value in claims.items() if value is not None})


class Line:
    """A raw WebSocket of somebody.

    Attributes:
        heard: Events that came, in their order.
    """

    def __init__(self, ws: aiohttp.ClientWebSocketResponse, user_id: str) -> None:
        self._ws = ws
        self.user_id = user_id
        self.heard: list[dict[str, Any]] = []

    async def next(self) -> dict[str, Any]:
        """The next frame; an error if none comes."""
        frame: dict[str, Any] = await self._ws.receive_json(timeout=20)
        if "event_id" in frame:
            self.heard.append(frame)
        return frame

    async def events(self, count: int) -> list[dict[str, Any]]:
        """The next events, whatever else comes."""
        wanted = len(self.heard) + count
        while len(self.heard) < wanted:
            await self.next()
        return self.heard[-count:]

    async def is_quiet(self) -> bool:
        """Whether nothing more comes before the answer to a ping."""
        await self.say({"type": "ping", "ref": "quiet?"})
        return await self.next() == {"type": "pong", "ref": "quiet?"}

    async def say(self, frame: dict[str, Any]) -> None:
        await self._ws.send_json(frame)

    async def acknowledge(self, event_id: str, **more: Any) -> dict[str, Any]:
        """Let an event go, and wait until it has."""
        ack = {"type": "ACK", "event_id": event_id, "recipient_id": self.user_id}
        await self.say({**ack, "ref": event_id, **more})
        return await self.next()

    async def close_code(self) -> int | None:
        """With what the server closes the line."""
        async with asyncio.timeout(20):
            async for _ in self._ws:
                pass
        return self._ws.close_code

    async def close(self) -> None:
        await self._ws.close()


class Member:
    """Somebody who has registered."""

    def __init__(self, http: aiohttp.ClientSession, answer: dict[str, Any]) -> None:
        self._http = http
        self.user_id: str = answer["user"]["user_id"]
        self.token: str = answer["access_token"]
        self.refresh_token: str = answer["refresh_token"]

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        return await call(self._http, method, path, body, self.token)

    async def send(self, to: "Member", event_id: str, **more: Any) -> tuple[int, Any]:
        event = {
            "event_type": "MESSAGE",
            "recipient_id": to.user_id,
            "event_id": event_id,
            "metadata": {"chat_id": "chat_789"},
            "encrypted_payload": "c2VjcmV0",
            **more,
        }
        return await self.ask("POST", "/api/events", event)

    @asynccontextmanager
    async def connected(self, node: str = "", **headers: str) -> AsyncIterator[Line]:
        """Connected to whatever answers, or to one of the nodes."""
        path = f"{node}/ws/{self.user_id}"
        given = headers or {"Authorization": f"Bearer {self.token}"}
        async with self._http.ws_connect(path, headers=given) as ws:
            yield Line(ws, self.user_id)


async def call(
    http: aiohttp.ClientSession,
    method: str,
    path: str,
    body: Any = None,
    token: str | None = None,
) -> tuple[int, Any]:
    """Status and body of a request."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    given = {} if body is None else {"json": body}
    async with http.request(method, path, headers=headers, **given) as answer:
        return answer.status, await answer.json()


def ids(events: list[dict[str, Any]]) -> list[str]:
    return [one["event_id"] for one in events]


async def renewed(http: aiohttp.ClientSession, member: Member) -> Member:
    """With newer tokens."""
    body = {"refreshToken": member.refresh_token}
    status, answer = await call(http, "POST", "/api/auth/refresh", body)
    assert status == 200, answer
    member.token = answer["data"]["accessToken"]
    member.refresh_token = answer["data"]["refreshToken"]
    return member
