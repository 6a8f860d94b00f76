"""People who are connected to workspaces over Socket.IO."""

from collections.abc import Awaitable, Callable
from typing import Any

from tests.apis.workspaces.people import Colleague
from tests.people import Person
from tests.servers import RunningServer

NOWHERE = {"conversationId": "nowhere"}


class Listener(Person):
    """One connection of somebody, in one of the namespaces."""

    def __init__(self, server: RunningServer, who: Colleague, namespace: str) -> None:
        super().__init__(server, namespace=namespace)
        self.who = who

    async def open(self) -> "Listener":
        await self.connect(auth={"token": self.who.token})
        return self

    async def does(self, event: str, **payload: Any) -> dict[str, Any]:
        """The acknowledgement of an event that must go well."""
        answer = await self.ask(event, payload)
        assert answer["success"] is True, answer
        return answer

    async def refused(self, event: str, **payload: Any) -> str:
        """Why an event is refused."""
        answer = await self.ask(event, payload)
        assert answer["success"] is False, answer
        code: str = answer["error"]
        return code

    def texts(self) -> list[str]:
        """The messages that it has heard, in order."""
        return [one["message"]["content"] for one in self.all("message:new")]


Listen = Callable[[Colleague], Awaitable[Listener]]


async def caught_up(*listeners: Listener) -> None:
    """Wait until these have heard all that was caused by what was answered so far."""
    for server in {one.server for one in listeners}:
        await server.settle()
    for one in listeners:
        await one.does("leave_conversation", **NOWHERE)
