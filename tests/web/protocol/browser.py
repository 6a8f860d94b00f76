"""People who use the browser's library, in Node."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.clocks import LIMIT_S
from tests.servers import until
from tests.web.protocol.node import NODE

TALKER = Path(__file__).with_name("talker.js")


class Browser:
    """A Node process that holds sessions by name, and all that they told."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._numbers = itertools.count()
        self._answers: dict[int, dict[str, Any]] = {}
        self._told: list[dict[str, Any]] = []

    async def ask(self, name: str, method: str, *args: Any) -> Any:
        number = next(self._numbers)
        assert self._process.stdin
        self._process.stdin.write(json.dumps([number, name, method, args]).encode() + b"\n")
        await until(lambda: number in self._answers, LIMIT_S)
        answer = self._answers.pop(number)
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def told(self, name: str, event: str) -> list[Any]:
        return [
            one["data"] for one in self._told if (one["session"], one["event"]) == (name, event)
        ]

    async def connected(self, name: str, times: int = 1) -> None:
        """Wait until a session has caught up so many times."""
        states = lambda: [one["state"] for one in self.told(name, "state")]  # noqa: E731
        await until(lambda: states().count("connected") >= times, LIMIT_S)

    async def entry(self, name: str, fits: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """The last entry of which that is true, once there is one."""
        fitting = lambda: [one for one in self.told(name, "entry") if fits(one)]  # noqa: E731
        await until(fitting, LIMIT_S)
        last: dict[str, Any] = fitting()[-1]
        return last

    async def read(self) -> None:
        assert self._process.stdout
        while line := await self._process.stdout.readline():
            said = json.loads(line)
            if "number" in said:
                self._answers[said["number"]] = said
            else:
                self._told.append(said)


@asynccontextmanager
async def browsing(talker: Path = TALKER) -> AsyncIterator[Browser]:
    process = await asyncio.create_subprocess_exec(
        NODE,
        "--disable-warning=MODULE_TYPELESS_PACKAGE_JSON",
        talker,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 24,
    )
    browser = Browser(process)
    reading = asyncio.create_task(browser.read())
    try:
        yield browser
    finally:
        assert process.stdin
        process.stdin.close()
        await asyncio.gather(reading, process.wait())
