"""The Redis of our own, when it dies and cannot be started again at once."""

import logging
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from server.workers.embedded import embedded_redis
from server.workers.folders import private
from tests.redis_servers import binary
from tests.servers import until


@contextmanager
def no_file_may_be_opened() -> Iterator[None]:
    """Of this process, which has its files, and cannot start others."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def is_there(path: str) -> bool:
    at_once = Retry(NoBackoff(), 0)  # else the library sleeps, and all else with it
    with redis.Redis(unix_socket_path=path, socket_timeout=2, retry=at_once) as client:
        try:
            return bool(client.ping())
        except (redis.RedisError, OSError):
            return False


async def test_a_redis_that_cannot_be_started_again_at_once_is_started_later(
    tmp_path_factory: pytest.TempPathFactory, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path_factory.mktemp("e")  # short: the path of a socket has an end
    async with embedded_redis(binary(), folder, private(folder / "run")) as url:
        path = urlsplit(url).path
        with redis.Redis(unix_socket_path=path) as client, caplog.at_level(logging.ERROR):
            process_id = client.info("server")["process_id"]
            with no_file_may_be_opened():
                os.kill(process_id, signal.SIGKILL)
                await until(lambda: "redis_not_started" in caplog.text)

            await until(lambda: is_there(path))

    assert caplog.text.count("redis_ended") >= 2
    await until(lambda: not is_there(path))
