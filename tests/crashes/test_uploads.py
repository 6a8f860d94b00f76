"""Whoever takes a file in, or deletes one, is killed at any moment of it."""

import itertools
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.crashes.uploading import left_a_day_later, upload_and_die
from tests.postgres_servers import lent_database

pytestmark = pytest.mark.timeout(600)

STRIDE = {"sqlite": 1, "postgres": 6}
"""Of so many moments one is tried."""

MOMENTS = 20
"""At least."""


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
async def url(engine: str, tmp_path: Path) -> AsyncIterator[str]:
    if engine == "sqlite":
        yield f"sqlite://{tmp_path}/data.sqlite3"
    else:
        async with lent_database() as lent:
            yield lent


async def test_of_an_upload_that_was_killed_nothing_is_left_after_a_day(
    engine: str, url: str, tmp_path: Path
) -> None:
    remains = set()
    for after in itertools.count(0, STRIDE[engine]):
        ended = upload_and_die(url, tmp_path, after)
        remains.add(any(one.is_file() for one in (tmp_path / "files").rglob("*")))
        assert await left_a_day_later(url, tmp_path) == ([], [0, 0, 0]), after
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
    assert after >= MOMENTS
    assert remains == {False, True}, "there was something to delete"
