"""Running coroutines at once, and as tasks only if they have to wait.

Most of what a message sets off never waits, and then a task, with its turn of the event
loop, would cost more than the work itself.
"""

import asyncio
import types
from collections.abc import Coroutine, Generator
from typing import Any


def start(coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
    """Run a coroutine up to its first wait.

    Until then it is in no task: `asyncio.timeout` and `current_task` do not work there.

    Returns:
        The task that goes on with it, or None if it has come to its end.
    """
    try:
        waited_for = coroutine.send(None)
    except StopIteration:
        return None
    task = asyncio.get_running_loop().create_task(_go_on(coroutine, waited_for))
    # A task that is cancelled before its first turn would leave the coroutine in its wait.
    task.add_done_callback(lambda _: coroutine.close())
    return task


async def _go_on(coroutine: Coroutine[Any, Any, None], waited_for: Any) -> None:
    await _drive(coroutine, waited_for)


@types.coroutine
def _drive(coroutine: Coroutine[Any, Any, None], waited_for: Any) -> Generator[Any, Any, None]:
    """What `await coroutine` does, for one that has begun."""
    try:
        while True:
            try:
                result = yield waited_for
            except BaseException as error:  # noqa: BLE001 - all of it is the coroutine's
                waited_for = coroutine.throw(error)
            else:
                waited_for = coroutine.send(result)
    except StopIteration:
        return
