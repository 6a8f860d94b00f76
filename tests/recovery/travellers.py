"""People who lose their connection when a test says so, and come back with what they know."""

from collections.abc import Callable
from typing import Any, Self

from tests.transports.wire import Line, PollingLine, WebSocketLine


class Traveller:
    """One client over all of its lines.

    Args:
        lead: Says which URL the next line is to be opened to.

    Attributes:
        line: The present one, or the last.
        sid, pid, offset: As an official client keeps them.
    """

    def __init__(self, lead: Callable[[], str], transport: str = "websocket", **auth: Any) -> None:
        self._lead = lead
        self._kind = {"websocket": WebSocketLine, "polling": PollingLine}[transport]
        self.auth: dict[str, Any] = {"recover": True, **auth}
        self.line: Line
        self.sid = ""
        self.pid: str | None = None
        self.offset: str | None = None
        self.is_restored = False

    async def connect(self) -> Self:
        """Open a line, with what is known of the former one."""
        shown = {"pid": self.pid, "offset": self.offset} if self.pid else {}
        self.line = await self._kind(self._lead()).open({**self.auth, **shown})
        welcome = self.line.welcome
        self.is_restored = self.pid is not None and self.pid == welcome.get("pid")
        self.pid, self.sid = welcome.get("pid"), welcome.get("sid", "")
        return self

    async def drop(self) -> None:
        """Lose the connection, of which the server hears."""
        self.note()
        if isinstance(self.line, PollingLine):
            await self.line.send("1")  # else it is noticed only if a poll was under way
        await self.line.leave()

    def note(self) -> None:
        """Keep the offset that came last."""
        self.offset = self.line.offset or self.offset

    async def back(self) -> bool:
        """Come back; whether everything is as it was."""
        await self.connect()
        return self.is_restored

    async def join(self, session_id: str, user_id: str, **more: Any) -> Any:
        answer = await self.line.join(session_id, user_id, **more)
        assert answer["success"], answer
        return answer

    async def say(self, session_id: str, words: Any, **more: Any) -> Any:
        request = {"sessionId": session_id, "encrypted": words, **more}
        return await self.line.ask("send-message", request)

    def words(self) -> list[Any]:
        """What was heard on the present line."""
        return [message["encrypted"] for message in self.line.events("new-message")]

    async def hears(self, *words: Any) -> None:
        """Wait until just these are heard on the present line, in order."""
        await self.line.until(lambda: len(self.words()) >= len(words))
        assert self.words() == list(words)
