"""People who use secure chat over HTTP, as curl does."""

from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from server.core.logins import TokenPair

PASSWORD = "SecurePass123!"


class Person:
    """Somebody with an account.

    Attributes:
        tokens: Of each device that is signed in.
    """

    def __init__(self, http: aiohttp.ClientSession, name: str) -> None:
        self._http = http
        self.name = name
        self.email = f"{name}@example.com"
        self.password = PASSWORD
        self.user_id = ""
        self.tokens: dict[str, TokenPair] = {}

    async def sign_up(self) -> None:
        body = {"username": self.name, "email": self.email, "password": self.password}
        status, answer = await call(self._http, "POST", "/api/auth/signup", body)
        assert status == 201, answer
        self.user_id = answer["data"]["userId"]

    async def log_in(self, device_id: str, **changes: Any) -> dict[str, Any]:
        """What a login answers."""
        body = {"email": self.email, "password": self.password, "deviceId": device_id, **changes}
        status, answer = await call(self._http, "POST", "/api/auth/login", body)
        assert status == 200, answer
        data: dict[str, Any] = answer["data"]
        return data

    async def ask(
        self, method: str, path: str, body: Any = None, device_id: str = "phone"
    ) -> tuple[int, dict[str, Any]]:
        """Status and body of a request by one of the devices."""
        return await call(self._http, method, path, body, self.tokens[device_id].access)


OpenAccount = Callable[..., Awaitable[Person]]
Register = Callable[..., Awaitable[Person]]


async def call(
    http: aiohttp.ClientSession,
    method: str,
    path: str,
    body: Any = None,
    token: str | None = None,
) -> tuple[int, dict[str, Any]]:
    """Status and body of a request."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    given = {} if body is None else {"json": body}
    async with http.request(method, path, headers=headers, **given) as answer:
        return answer.status, await answer.json()
