"""Files over HTTP: how people put and fetch them, and what is left of them on the disk."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp

from server.core.workspaces.files import EXPIRY_MS
from server.stores.sql.steps import rows, value
from tests.apis.workspaces.people import Colleague
from tests.clocks import LIMIT_S, ManualClock
from tests.servers import RunningServer


class Shelf:
    """The files of one conversation.

    Attributes:
        room: Its id.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        server: RunningServer,
        clock: ManualClock,
        room: str,
        folder: Path,
    ) -> None:
        self._http = http
        self._server = server
        self._clock = clock
        self._folder = folder
        self.room = room

    async def put(self, who: Colleague, content: Any, **headers: str) -> tuple[int, dict[str, Any]]:
        """Status and answer of an upload."""
        path = f"/chat/conversations/{self.room}/files"
        sending = self._http.post(path, data=content, headers=_of(who, headers))
        async with sending as response:
            answer: dict[str, Any] = await response.json(content_type=None)
            return response.status, answer

    async def keeps(self, who: Colleague, content: Any, **headers: str) -> dict[str, Any]:
        """A file that is there."""
        status, answer = await self.put(who, content, **headers)
        assert status == 201, answer
        file: dict[str, Any] = answer["file"]
        return file

    async def fetch(
        self, who: Colleague, url: str, method: str = "GET", **headers: str
    ) -> tuple[int, bytes, Any]:
        """Status, bytes and headers of a download."""
        async with self._http.request(method, url, headers=_of(who, headers)) as response:
            return response.status, await response.read(), response.headers

    async def status(self, who: Colleague, file: dict[str, Any]) -> int:
        """Of fetching a file."""
        return (await self.fetch(who, file["url"]))[0]

    async def leaves(self, *files: dict[str, Any]) -> None:
        """Have garbage deleted, until there are just these files, and room held for them alone."""
        wanted = {one["id"]: one["size"] for one in files}
        async with asyncio.timeout(LIMIT_S):
            await self._sweep()
            while self.blobs() != sorted(wanted) or not await self._holds(wanted):
                await asyncio.sleep(0.01)
                await self._sweep()

    async def _sweep(self) -> None:
        self._clock.advance(ms=EXPIRY_MS)
        await self._server.nodes[0].chat.files.expire()

    async def _holds(self, wanted: dict[str, int]) -> bool:
        database = self._server.nodes[0]._durable.database
        found = await database.read(lambda: rows("SELECT file_id, size_bytes FROM files"))
        held = await database.read(lambda: value("SELECT file_bytes FROM workspaces"))
        return dict(map(tuple, found)) == wanted and held == sum(wanted.values())

    def blobs(self) -> list[str]:
        """The names of all that is on the disk."""
        return sorted(one.name for one in (self._folder / "files").rglob("*") if one.is_file())


def _of(who: Colleague, headers: dict[str, str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {who.token}", **headers}
