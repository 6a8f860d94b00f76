"""People who use workspaces over HTTP, as a client does that was written from the contract."""

from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from server.core.ids import DeviceId
from tests.apis.secure_chat.people import Person, call
from tests.servers import RunningServer


class Colleague:
    """Somebody with a token.

    Attributes:
        token: None of somebody who shows none.
    """

    def __init__(
        self, http: aiohttp.ClientSession, user_id: str | int, token: str | None, name: str = ""
    ) -> None:
        self._http = http
        self.user_id = user_id
        self.token = token
        self.name = name

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
        """Status and body of a request."""
        return await call(self._http, method, path, body, self.token)

    async def makes_workspace(self, name: str) -> str:
        status, answer = await self.ask("POST", "/chat/workspaces", {"name": name})
        assert status == 201, answer
        made: str = answer["workspace"]["id"]
        return made

    async def adds(self, workspace: str, who: "Colleague", role: str | None = None) -> int:
        """Status of adding somebody to a workspace."""
        body = {"userId": who.user_id} | ({"role": role} if role else {})
        status, _ = await self.ask("POST", f"/chat/workspaces/{workspace}/members", body)
        return status

    async def removes(self, workspace: str, who: "Colleague") -> int:
        """Status of taking somebody out of a workspace."""
        path = f"/chat/workspaces/{workspace}/members/{who.user_id}"
        status, _ = await self.ask("DELETE", path)
        return status

    async def workspaces(self) -> list[dict[str, Any]]:
        """Those that it is in."""
        status, answer = await self.ask("GET", "/chat/workspaces")
        assert status == 200, answer
        found: list[dict[str, Any]] = answer["workspaces"]
        return found

    async def makes(self, workspace: str, *others: "Colleague", **more: Any) -> dict[str, Any]:
        """A conversation with these others: a channel, if nothing else is said."""
        body = {
            "type": "GROUP",
            "workspaceId": workspace,
            "memberIds": [one.user_id for one in others],
            **({"name": "general"} if more.get("type", "GROUP") == "GROUP" else {}),
            **more,
        }
        status, answer = await self.ask("POST", "/chat/conversations", body)
        assert status in (200, 201), answer
        made: dict[str, Any] = answer["conversation"]
        return made

    async def says(self, conversation: str, content: str, **more: Any) -> dict[str, Any]:
        """A message that is sent."""
        path = f"/chat/conversations/{conversation}/messages"
        status, answer = await self.ask("POST", path, {"content": content, **more})
        assert status == 201, answer
        said: dict[str, Any] = answer["message"]
        return said

    async def puts(self, conversation: str, content: bytes) -> dict[str, Any]:
        """A file that is put into a conversation."""
        path = f"/chat/conversations/{conversation}/files"
        headers = {"Authorization": f"Bearer {self.token}"}
        async with self._http.post(path, data=content, headers=headers) as response:
            answer = await response.json()
        assert response.status == 201, answer
        put: dict[str, Any] = answer["file"]
        return put

    async def reads(self, conversation: str, query: str = "") -> list[dict[str, Any]]:
        """Messages of a conversation."""
        path = f"/chat/conversations/{conversation}/messages{query}"
        status, answer = await self.ask("GET", path)
        assert status == 200, answer
        found: list[dict[str, Any]] = answer["messages"]
        return found


OpenAccount = Callable[[str], Awaitable[Colleague]]


async def sign_up(http: aiohttp.ClientSession, server: RunningServer, name: str) -> Colleague:
    """Somebody with an account here, and a token of a device."""
    person = Person(http, name)
    await person.sign_up()
    registration = (await person.log_in("phone"))["registrationToken"]
    pair = await server.chat.logins.claim_registration(registration, DeviceId("phone"), "::1")
    return Colleague(http, person.user_id, pair.access, name)
