"""Many processes on one port: how they start, what becomes of one that dies, and their end."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import redis
from prometheus_client.parser import text_string_to_metric_families

from server.workers.backoff import FIRST_DELAY_S
from tests.apis.session_relay.official import CLIENTS, Client, Scene, play_at
from tests.clocks import LIMIT_S
from tests.conformance.test_tls import Certificate, make_certificate
from tests.servers import MASTER_KEY, until
from tests.system.processes import (
    COMMAND,
    ServerProcess,
    Stop,
    children_of,
    environment,
    run,
    server_process,
    workers_of,
)
from tests.transports.wire import (
    POLLING,
    PollingLine,
    WebSocketLine,
    connected,
    exchange,
    head,
    read_reply,
)

WORKERS = 3
BUSY = {"ADDRESS_CONNECTS_PER_MINUTE": 100_000}
AT_ONCE_S = 10.0
"""By far not what it may take; a busy machine takes some of it."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server for all tests that leave it whole."""
    folder = tmp_path_factory.mktemp("workers")
    with server_process(folder, WORKERS=WORKERS, **BUSY) as server:
        yield server
        assert server.stop().status == 0
        assert "worker_killed" not in server.log


def start(
    folder: Path, command: Sequence[str] = COMMAND, /, **settings: object
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command, cwd=folder, env=environment(folder, **settings), stdout=subprocess.PIPE, text=True
    )


async def stop(server: ServerProcess, signum: int = signal.SIGTERM) -> Stop:
    return await asyncio.to_thread(server.stop, signum)


async def number_of_worker(url: str) -> str:
    """The worker that a new connection comes to."""
    opened = await exchange(url, head("GET", POLLING))
    sid: str = json.loads(opened.body[1:])["sid"]
    return sid.partition("n")[0]


async def is_served(server: ServerProcess) -> bool:
    try:
        return (await exchange(server.url, head("GET", "/health"))).status == 200
    except OSError:
        return False


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


# --- the start ---


async def test_one_line_tells_of_all_workers_once_they_are_ready(shared: ServerProcess) -> None:
    assert f" with {WORKERS} workers - operators' token in " in shared.said
    assert len(shared.workers()) == WORKERS
    assert len([line for line in shared.log_lines if line["event"] == "started"]) == WORKERS
    assert {line.get("worker") for line in shared.log_lines} >= set(range(WORKERS))
    assert (await exchange(shared.url, head("GET", "/ready"))).status == 200


async def test_connections_are_spread_evenly(shared: ServerProcess) -> None:
    counts = Counter(
        await asyncio.gather(*(number_of_worker(shared.url) for _ in range(100 * WORKERS)))
    )

    assert sorted(counts) == ["0", "1", "2"]
    assert min(counts.values()) > 60


def test_the_supervisor_is_small(shared: ServerProcess) -> None:
    assert shared.memory_mb() < 45
    assert all(memory_mb(pid) > shared.memory_mb() + 10 for pid in shared.workers())


def memory_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def test_what_the_workers_share_is_their_owners_alone(shared: ServerProcess) -> None:
    folders = [shared.data / "run", shared.data / "redis"]

    assert [mode_of(folder) for folder in folders] == [0o700, 0o700]
    assert mode_of(shared.data / "run/redis") == 0o700


def test_a_package_of_the_same_name_in_the_current_folder_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    (tmp_path / "server/__init__.py").write_text("raise SystemExit(77)")

    # As the command `hushwire` does, which does not look there either.
    command = (sys.executable, "-P", "-m", "server")
    with start(tmp_path, command, WORKERS=2) as process:
        assert process.stdout
        assert " with 2 workers - " in process.stdout.readline()
        process.terminate()
        assert process.wait(10) == 0


async def test_a_port_that_somebody_has_is_named_and_nobody_shares_it(
    shared: ServerProcess, tmp_path: Path
) -> None:
    port = shared.url.rpartition(":")[2]

    refused = [run(tmp_path, PORT=port, WORKERS=workers) for workers in (1, 2)]

    assert [one.returncode for one in refused] == [1, 1]
    assert all(f"127.0.0.1:{port}" in one.stderr for one in refused)
    assert all("Traceback" not in one.stderr for one in refused)


def test_a_port_of_another_kind_of_server_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        refused = run(tmp_path, PORT=other.getsockname()[1], WORKERS=2)

    assert refused.returncode == 1
    assert "Choose another HOST or PORT" in refused.stderr


def test_without_a_redis_many_workers_are_refused_with_the_ways_out(tmp_path: Path) -> None:
    refused = run(tmp_path, WORKERS=2, PATH="/nowhere")

    assert refused.returncode == 2
    assert refused.stdout == ""
    assert all(word in refused.stderr for word in ("WORKERS: ", "redis-server", "REDIS_URL"))
    assert run(tmp_path, WORKERS="two").returncode == 2


def test_two_servers_do_not_use_the_same_data_folder(shared: ServerProcess) -> None:
    refused = run(shared.data.parent, WORKERS=2)

    assert refused.returncode == 2
    assert f"another server uses {shared.data / 'redis'}" in refused.stderr


async def test_a_worker_that_does_not_come_up_ends_all_with_a_status(tmp_path: Path) -> None:
    with start(tmp_path, WORKERS=2) as process:
        await until(lambda: len(workers_of(process.pid)) == 2)
        children = children_of(process.pid)

        os.kill(workers_of(process.pid)[0], signal.SIGKILL)

        assert await asyncio.to_thread(process.wait, 10) == 1
        assert not [pid for pid in children if is_alive(pid)]
        assert process.stdout
        assert process.stdout.read() == ""


def test_what_stops_a_worker_is_told_with_its_status(tmp_path: Path) -> None:
    shared = {"JWT_SECRET": "x" * 43, "ADMIN_TOKEN": "x" * 43, "MASTER_KEY": MASTER_KEY}

    refused = run(tmp_path, WORKERS=2, REDIS_URL="redis://127.0.0.1:1", **shared)

    assert refused.returncode == 3
    assert refused.stdout == ""
    assert "REDIS_URL: " in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "run").touch()

    refused = run(tmp_path, WORKERS=2)

    assert refused.returncode == 2
    assert "DATA_DIR: " in refused.stderr
    assert str(data / "run") in refused.stderr


async def test_no_request_reaches_their_redis(shared: ServerProcess) -> None:
    for sid in ("redis.x", "redis.sock.x", "../run/redis.x"):
        target = f"{POLLING}&sid={sid}"
        async with connected(shared.url) as (reader, writer):
            for _ in "12":
                writer.write(head("POST", target, {"Content-Length": "4"}) + b"PING")
                assert (await read_reply(reader)).status == 400

    with client_of(shared) as client:
        assert {one["cmd"] for one in client.client_list()} & {"post", "get"} == set()
    assert "SECURITY" not in (shared.data / "redis/log").read_text()


async def test_one_page_has_the_metrics_of_all_workers(shared: ServerProcess) -> None:
    await asyncio.gather(*(number_of_worker(shared.url) for _ in range(30)))
    token = (shared.data / "admin-token").read_text().strip()

    page = await exchange(shared.url, head("GET", "/metrics", {"X-Admin-Token": token}))

    families = {
        family.name: family for family in text_string_to_metric_families(page.body.decode())
    }
    open_now = {one.labels["worker"]: one.value for one in families["hushwire_connections"].samples}
    assert sorted(open_now) == ["0", "1", "2"]
    assert all(count > 0 for count in open_now.values())
    requests = families["hushwire_http_requests"].samples
    assert {one.labels["worker"] for one in requests} == {"0", "1", "2"}
    assert all("route" in one.labels for one in requests)
    assert (await exchange(shared.url, head("GET", "/metrics"))).status == 401


# --- whoever polls ---


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def secured(
    certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """One that speaks TLS, in a folder with a long path, for all tests that leave it whole."""
    folder = tmp_path_factory.mktemp("secured" * 25)
    with server_process(folder, WORKERS=WORKERS, **BUSY, **certificate.settings) as server:
        yield server
        assert server.stop().status == 0
        assert "worker_killed" not in server.log


@pytest.mark.parametrize("client", [one for one in CLIENTS if "polling" in one.transports], ids=str)
async def test_official_clients_poll_and_move_on_whichever_worker_they_meet(
    client: Client, shared: ServerProcess
) -> None:
    scenes = await play_at(shared.url, client, "hermits")

    check_hermits(scenes["hermits"], client)


# That a client is older is nothing that TLS sees.
@pytest.mark.parametrize("client", [Client(4, "polling"), Client(4, "polling,websocket")], ids=str)
async def test_the_same_over_tls(
    client: Client, secured: ServerProcess, certificate: Certificate
) -> None:
    trust = {"NODE_EXTRA_CA_CERTS": str(certificate.cert)}

    scenes = await play_at(secured.url, client, "hermits", **trust)

    check_hermits(scenes["hermits"], client)


async def test_a_hangup_has_all_workers_read_the_certificate_again(secured: ServerProcess) -> None:
    secured.process.send_signal(signal.SIGHUP)

    await until(lambda: secured.log.count('"certificate_reloaded"') == WORKERS)


def test_a_data_folder_with_a_long_path_will_do(secured: ServerProcess) -> None:
    assert len(str(secured.data)) > 160  # the path of a socket has 108 bytes at most
    assert len(secured.workers()) == WORKERS
    assert list((secured.data / "run").iterdir()) == []


def check_hermits(scene: Scene, client: Client) -> None:
    """Everything went well at the first try, over the transport that they want."""
    hermits = {line.who for line in scene.lines if line.who}
    assert len(hermits) == 12
    for who in hermits:
        assert scene.all(who, "transport") == [client.transports.rpartition(",")[2]]
        assert [ack["success"] for ack in scene.all(who, "ack send-message")] == [True] * 4
        assert len(scene.all(who, "connect")) == 1
        assert scene.all(who, "disconnect") == []


# --- one that dies ---


async def test_a_worker_that_dies_is_replaced_and_the_others_go_on(tmp_path: Path) -> None:
    with server_process(tmp_path, WORKERS=2, **BUSY) as server:
        async with AsyncExitStack() as stack:
            lines = [await stack.enter_async_context(WebSocketLine(server.url)) for _ in range(20)]
            await asyncio.gather(*(line.open() for line in lines))
            before = server.workers()

            os.kill(before[0], signal.SIGKILL)

            await until(lambda: sum(line.is_ended for line in lines) > 0)
            await until(lambda: len(server.workers()) == 2 and server.workers() != before)
            counts: Counter[str] = Counter()
            async with asyncio.timeout(LIMIT_S):
                while len(counts) < 2:
                    await asyncio.sleep(0.02)
                    if await is_served(server):
                        counts[await number_of_worker(server.url)] += 1
            assert 0 < sum(line.is_ended for line in lines) < 20
        [ended] = ends_in(server)
        assert (ended["status"], ended["restart_s"]) == (-signal.SIGKILL, FIRST_DELAY_S)
        assert (await stop(server)).status == 0


async def test_one_that_dies_early_again_and_again_waits_longer(tmp_path: Path) -> None:
    with server_process(tmp_path, WORKERS=2) as server:
        other, _ = server.workers()
        for number in (1, 2, 3):
            (victim,) = {*server.workers()} - {other}  # ids begin anew some day
            os.kill(victim, signal.SIGKILL)
            await until(lambda: len(ends_in(server)) == number)  # noqa: B023
            await until(lambda: len(server.workers()) == 2 or number == 3)  # noqa: B023

        assert [end["restart_s"] for end in ends_in(server)] == [0.5, 1.0, 2.0]


def ends_in(server: ServerProcess) -> list[dict[str, Any]]:
    """What the log says of workers that have ended."""
    return [line for line in server.log_lines if line["event"] == "worker_ended"]


async def test_one_that_is_told_to_end_drains_and_is_replaced(tmp_path: Path) -> None:
    with server_process(tmp_path, WORKERS=2, DRAIN_S=3, **BUSY) as server:
        async with AsyncExitStack() as stack:
            kinds = [WebSocketLine, PollingLine]
            lines = [
                await stack.enter_async_context(kind(server.url))
                for kind in kinds
                for _ in range(20)
            ]
            await asyncio.gather(*(line.open() for line in lines))
            before = server.workers()

            os.kill(before[0], signal.SIGTERM)
            os.kill(before[0], signal.SIGTERM)

            await until(lambda: "worker_ended" in server.log)
            assert {line.close_code for line in lines[:20]} == {None, 1012}
            assert {line.close_code for line in lines[20:]} == {None, 1000}
            polls = [line.last_poll for line in lines if isinstance(line, PollingLine)]
            assert {poll.status for poll in polls} == {200}
            statuses = [(await exchange(server.url, head("GET", POLLING))).status for _ in range(9)]
            assert statuses == [200] * 9
            await until(lambda: len(server.workers()) == 2)
        assert [ended["status"] for ended in ends_in(server)] == [0]


# --- the end ---


async def test_a_signal_drains_all_workers(tmp_path: Path) -> None:
    with server_process(tmp_path, WORKERS=2, DRAIN_S=4) as server:
        async with AsyncExitStack() as stack:
            kinds = [WebSocketLine, PollingLine]
            lines = [
                await stack.enter_async_context(kind(server.url)) for kind in kinds for _ in "1234"
            ]
            await asyncio.gather(*(line.open() for line in lines))
            children = server.children()
            server.process.terminate()
            async with asyncio.timeout(LIMIT_S):
                while (await exchange(server.url, head("GET", "/ready"))).status == 200:
                    await asyncio.sleep(0.01)

            assert not [line for line in lines if line.is_ended]
            status = await asyncio.to_thread(server.process.wait, 10)

            assert status == 0
            assert [await line.ended() for line in lines] == [1012] * 4 + [1000] * 4
        assert not [pid for pid in children if is_alive(pid)]
        assert list((server.data / "run").iterdir()) == []


@pytest.mark.parametrize("signals", [[signal.SIGINT], [signal.SIGTERM] * 2], ids=str)
async def test_who_cannot_wait_does_not_have_to(signals: list[int], tmp_path: Path) -> None:
    with server_process(tmp_path, WORKERS=2, DRAIN_S=60) as server:
        async with WebSocketLine(server.url) as line:
            await line.open()
            started = time.monotonic()
            for signum in signals:
                server.process.send_signal(signum)
                await asyncio.sleep(0.2)  # else two would be one
            status = await asyncio.to_thread(server.process.wait, 10)

            assert await line.ended() == 1012
        assert status == 0
        assert time.monotonic() - started < AT_ONCE_S


async def test_nobody_is_left_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    with server_process(tmp_path, WORKERS=2, DRAIN_S=60) as server:
        async with WebSocketLine(server.url) as line:
            await line.open()
            children = server.children()
            assert len(children) == 3

            server.process.kill()

            await until(lambda: not [pid for pid in children if is_alive(pid)])
            assert await line.ended() == 1012
    port = server.url.rpartition(":")[2]
    with server_process(tmp_path, WORKERS=2, PORT=port) as again:
        assert len(again.workers()) == 2
        assert again.stop().status == 0


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


# --- their Redis ---


def client_of(server: ServerProcess) -> redis.Redis:
    return redis.Redis(unix_socket_path=str(server.data / "run/redis"), socket_timeout=2)


async def reserve(server: ServerProcess) -> int:
    """The status of a reservation, always of the same session."""
    body = b'{"sessionId":"lair","authKey":"key"}'
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    request = head("POST", "/api/reserve-session", headers) + body
    return (await exchange(server.url, request)).status


async def test_their_redis_is_started_again_and_keeps_what_it_has(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("r")  # short: the path of a socket has an end
    with server_process(folder, WORKERS=2) as server:
        assert await reserve(server) == 201
        with client_of(server) as client:
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            client.set("kept", "surely")
            killed = process_id(client)
            assert killed
            os.kill(killed, signal.SIGKILL)

            await until(lambda: process_id(client) not in (None, killed))
            assert client.get("kept") == b"surely"
            assert "redis_ended" in server.log
        assert (await stop(server)).status == 0
    with server_process(folder, WORKERS=2) as again:
        with client_of(again) as client:
            assert client.get("kept") == b"surely"
        assert await reserve(again) == 200  # it knows it, with that key
        assert again.stop().status == 0


def process_id(client: redis.Redis) -> int | None:
    """Of the Redis that answers; None if none does."""
    try:
        return int(client.info("server")["process_id"])
    except redis.RedisError:
        return None
