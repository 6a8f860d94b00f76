"""A person at a terminal: lines that are typed, while what is heard is shown."""

import asyncio
import sys
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from scripts.demo_parts.line import DemoError, Line

Doing = Coroutine[Any, Any, None]


async def typed_lines() -> AsyncIterator[str]:
    """Every line that is typed and not empty, until `/leave` or the end of the input."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := (await reader.readline()).decode(errors="replace"):
        if line.strip() == "/leave":
            break
        if line.strip():
            yield line.rstrip("\n")


async def until_over(line: Line, showing: Doing, saying: Doing) -> None:
    """Show and say side by side, until either ends.

    Raises:
        DemoError: The connection was lost first.
    """
    lost = asyncio.create_task(line.lost.wait())
    talking = {asyncio.create_task(showing), asyncio.create_task(saying)}
    done, waiting = await asyncio.wait({lost, *talking}, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    if lost in done:
        raise DemoError("the connection was lost")
    for task in done:
        task.result()
