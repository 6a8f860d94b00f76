"""People of random groups: guests with a token each, over Socket.IO and REST."""

from typing import Any

import aiohttp

from server.core.tokens import Issued
from tests.people import Person
from tests.servers import RunningServer

GROUP = {"id", "name", "currentMembers", "maxMembers", "members", "epoch", "seq"}
MEMBER = {"userId", "login", "publicKey", "joinedAt"}
MESSAGE = {
    "id", "groupId", "senderId", "senderLogin", "encryptedContent", "messageType", "timestamp",
    "to", "seq",
}  # fmt: skip


class Stranger(Person):
    """A guest with a connection.

    Attributes:
        group_id: Of the group that was joined last.
    """

    def __init__(self, server: RunningServer, http: aiohttp.ClientSession, issued: Issued) -> None:
        super().__init__(server)
        self._http = http
        self._issued = issued
        self.login = issued.user.login
        self.user_id = str(issued.user.user_id)
        self.group_id = ""

    async def arrive(self) -> "Stranger":
        await self.connect(auth={"token": self._issued.token})
        return self

    async def another_tab(self) -> "Stranger":
        return await Stranger(self.server, self._http, self._issued).arrive()

    async def enter(self, public_key: Any = None, event: str = "join_random_group") -> Any:
        """Join, and answer the group."""
        ack = await self.ask(event, {"publicKey": public_key or f"key of {self.login}"})
        assert ack["success"], ack
        self.group_id = ack["group"]["id"]
        return ack["group"]

    async def say(self, words: Any, **more: Any) -> dict[str, Any]:
        payload = {"groupId": self.group_id, "encryptedMessage": words, **more}
        return await self.ask("send_group_message", payload)

    async def history(self, **more: Any) -> list[Any]:
        ack = await self.ask("get_group_messages", {"groupId": self.group_id, **more})
        return [message["encryptedContent"] for message in ack["messages"]]

    async def post(self, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
        return await request(self._http, "POST", path, self._issued.token, body)

    async def get(self, path: str) -> tuple[int, dict[str, Any]]:
        return await request(self._http, "GET", path, self._issued.token)


async def request(
    http: aiohttp.ClientSession, method: str, path: str, token: str | None, body: Any = None
) -> tuple[int, dict[str, Any]]:
    """As curl asks: the status and the body that come back."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with http.request(method, path, json=body, headers=headers) as answer:
        return answer.status, await answer.json()


def names(person: Person) -> list[str]:
    """What somebody has heard, by name, in order."""
    return [name for name, _ in person.heard]


def logins(group: dict[str, Any]) -> list[str]:
    return [member["login"] for member in group["members"]]
