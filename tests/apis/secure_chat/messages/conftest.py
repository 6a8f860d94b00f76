"""A server on one database, and people with an account and a device each who use its REST."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

import aiohttp
import pytest

from server.core.accounts import SignUp
from server.core.ids import DeviceId
from server.core.ports import SignInDevice
from tests.clocks import ManualClock
from tests.installations import Installation
from tests.postgres_servers import lent_database
from tests.servers import RunningServer

PASSWORD = "SecurePass123!"


class Member(NamedTuple):
    """Somebody with an account, and one device of theirs."""

    http: aiohttp.ClientSession
    user_id: str
    device_id: str
    token: str

    async def ask(self, method: str, path: str, **fields: Any) -> tuple[int, dict[str, Any]]:
        """Call a route; of a GET the fields are the query."""
        wish: dict[str, Any] = {"params": fields} if method == "GET" else {"json": fields}
        headers = {"Authorization": f"Bearer {self.token}"}
        async with self.http.request(method, path, headers=headers, **wish) as answer:
            return answer.status, await answer.json(content_type=None)

    async def get(self, path: str, **query: Any) -> Any:
        """The data of what must be there."""
        status, body = await self.ask("GET", path, **query)
        assert (status, body["success"]) == (200, True), body
        return body["data"]

    async def send(self, message_id: str, **fields: Any) -> tuple[int, dict[str, Any]]:
        wish = {"messageId": message_id, "encryptedContent": "c2VjcmV0", **fields}
        return await self.ask("POST", "/api/messages/send", **wish)


Enter = Callable[..., Awaitable[Member]]


@pytest.fixture
async def server(
    installation: Installation, clock: ManualClock, settings: dict[str, Any]
) -> AsyncIterator[RunningServer]:
    async with AsyncExitStack() as stack:
        if installation.nodes > 1:
            url = await stack.enter_async_context(lent_database())
            settings = {"DATABASE_URL": url, **settings}
        yield await stack.enter_async_context(installation.running(clock, **settings))


@pytest.fixture
def enter(server: RunningServer, http: aiohttp.ClientSession) -> Enter:
    """Signs somebody up, or in with one more device: `await enter("alice", "laptop")`."""
    chat = server.nodes[0].chat

    async def enter(name: str, device: str = "phone") -> Member:
        known = await chat.accounts.named(name)
        if not known.accounts:
            await chat.accounts.sign_up(SignUp(name, f"{name}@example.com", PASSWORD, ""), "home")
        device_id = DeviceId(f"{name}-{device}")
        sign_in = SignInDevice(device_id, device, "web")
        logged_in = await chat.logins.log_in(name, PASSWORD, sign_in, "home")
        token = logged_in.registration_token
        pair = await chat.logins.claim_registration(token, device_id, "home")
        return Member(http, str(logged_in.user_id), device_id, pair.access)

    return enter


@pytest.fixture
async def alice(enter: Enter) -> Member:
    return await enter("alice")


@pytest.fixture
async def bob(enter: Enter) -> Member:
    return await enter("bob")
