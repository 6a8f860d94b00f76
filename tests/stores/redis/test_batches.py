"""Commands that go to Redis together: whatever becomes of the connection, each has its answer."""

from typing import Any

import pytest

from server.stores.redis.batches import Batches


class ClosedPipeline:
    """Of a client whose connection has just been closed: uvloop says so by a RuntimeError."""

    def execute_command(self, *command: Any) -> None:
        pass

    async def execute(self, *, raise_on_error: bool) -> list[Any]:
        raise RuntimeError("unable to perform operation; the handler is closed")


async def test_a_connection_that_has_just_closed_is_a_lost_connection_to_whoever_asked() -> None:
    batches = Batches(ClosedPipeline)

    with pytest.raises(ConnectionError):
        await batches.call("PING")
