"""Tasks that run on their own."""

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any


class Tasks:
    """Tasks for which nobody waits, each held until it has ended: the loop itself holds none."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def __iter__(self) -> Iterator[asyncio.Task[None]]:
        return iter(tuple(self._running))

    def __len__(self) -> int:
        return len(self._running)

    def start(self, doing: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(doing)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task
