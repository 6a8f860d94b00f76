"""Counting what users ask for over HTTP."""

import pytest

from server.core.errors import AppError, Code
from server.core.identity import User
from server.core.ids import UserId
from server.core.limits import BYTES_AN_EVENT, Rate
from server.stores.memory.rates import MemoryRateLimiter
from server.transports.rest import Toll
from tests.clocks import ManualClock

ALICE = User(user_id=UserId("alice"), login="alice", expires_ms=None)


class Failing(MemoryRateLimiter):
    """Cannot charge anything."""

    def __init__(self, code: Code) -> None:
        super().__init__()
        self.code = code

    async def charge(self, bucket: str, rate: Rate, cost: int, now_ms: int) -> None:
        raise AppError(self.code, "not now")


async def test_a_long_answer_is_given_even_if_nobody_can_count_it() -> None:
    toll = Toll(Failing(Code.UNAVAILABLE), ManualClock(), Rate(60, 60))
    await toll.charge(ALICE, BYTES_AN_EVENT)


async def test_what_else_goes_wrong_with_counting_is_told() -> None:
    toll = Toll(Failing(Code.INTERNAL), ManualClock(), Rate(60, 60))
    with pytest.raises(AppError) as caught:
        await toll.charge(ALICE, BYTES_AN_EVENT)
    assert caught.value.code is Code.INTERNAL
