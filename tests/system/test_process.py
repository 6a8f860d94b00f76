"""The real process: how it starts, what it leaves on disk, and how it ends."""

import asyncio
import os
import re
import signal
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import jwt
import pytest

from server.settings.table import TABLE
from server.version import VERSION
from tests.servers import until
from tests.system.processes import (
    COMMAND,
    PYTHON,
    ServerProcess,
    Stop,
    environment,
    server_process,
)
from tests.transports.wire import (
    UPGRADE,
    WEBSOCKET,
    Line,
    PollingLine,
    WebSocketLine,
    connected,
    exchange,
    frame,
    head,
    read_reply,
)

STOP_LIMIT_S = 2.0


def run(folder: Path, *arguments: str, **settings: object) -> subprocess.CompletedProcess[str]:
    """Run a server that is expected to end by itself."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment(folder, **settings),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def start(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        COMMAND, cwd=folder, env=environment(folder), stdout=subprocess.PIPE, text=True
    )


async def stop(server: ServerProcess, signum: int = signal.SIGTERM) -> Stop:
    return await asyncio.to_thread(server.stop, signum)


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


async def status_of_sessions(server: ServerProcess, token: str | None = None) -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return (await exchange(server.url, head("GET", "/sessions", headers))).status


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One with the default settings, for all tests that leave it whole."""
    with server_process(tmp_path_factory.mktemp("shared")) as server:
        yield server
        assert server.stop().status == 0


CHOSEN = {
    "ADMIN_TOKEN": "chosen-by-the-operators",
    "JWT_SECRET": "chosen-by-the-operators-with-32-bytes",
    "MASTER_KEY": b64encode(bytes(range(32))).decode(),
}
RISKY = {"RATE_LIMITS": "off", "CLIENT_URL": "*"}


@pytest.fixture(scope="module")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One whose operators have chosen its secrets, and what is risky."""
    with server_process(tmp_path_factory.mktemp("chosen"), **CHOSEN, **RISKY) as server:
        yield server


# --- the start ---


async def test_one_line_tells_where_it_is_and_where_its_secrets_are(tmp_path: Path) -> None:
    with server_process(tmp_path) as server:
        token_file, secret_file, key_file = (
            tmp_path / "data" / name for name in ("admin-token", "jwt-secret", "master-key")
        )
        assert server.said == (
            f"Hushwire {VERSION} on {server.url} - operators' token in {token_file}, "
            f"tokens' secret in {secret_file}, workspaces' key in {key_file}\n"
        )
        assert (await exchange(server.url, head("GET", "/ready"))).status == 200
        assert await status_of_sessions(server, token_file.read_text().strip()) == 200
        assert await status_of_sessions(server) == 401

        server.stop()
        assert server.process.stdout
        assert server.process.stdout.read() == ""
        assert token_file.read_text().strip() not in server.log


async def test_a_token_of_the_operators_own_is_used_and_not_written_down(
    chosen: ServerProcess,
) -> None:
    token = CHOSEN["ADMIN_TOKEN"]
    assert " - operators' token in ADMIN_TOKEN, " in chosen.said
    assert token not in chosen.said + chosen.log
    assert not (chosen.data / "admin-token").exists()
    assert await status_of_sessions(chosen, token) == 200
    assert await status_of_sessions(chosen, "chosen-by-somebody-else") == 403


async def test_tokens_by_a_secret_of_the_operators_own_are_good(
    chosen: ServerProcess, shared: ServerProcess
) -> None:
    secret = CHOSEN["JWT_SECRET"]
    token = jwt.encode({"sub": "alice"}, secret, algorithm="HS256")
    bearer = head("GET", "/api/auth/me", {"Authorization": f"Bearer {token}"})
    assert ", tokens' secret in JWT_SECRET, " in chosen.said
    assert secret not in chosen.said + chosen.log
    assert not (chosen.data / "jwt-secret").exists()
    assert (await exchange(chosen.url, bearer)).status == 200
    assert (await exchange(shared.url, bearer)).status == 401


def test_a_master_key_of_the_operators_own_is_used_and_not_written_down(
    chosen: ServerProcess,
) -> None:
    assert chosen.said.endswith(", workspaces' key in MASTER_KEY\n")
    assert CHOSEN["MASTER_KEY"] not in chosen.said + chosen.log
    assert not (chosen.data / "master-key").exists()


SECRETS = {"secret", "admin-token", "jwt-secret", "master-key"}
DATABASE = "hushwire.sqlite3"


def test_secrets_are_for_their_owner_only_whatever_the_umask(tmp_path: Path) -> None:
    old_umask = os.umask(0)
    try:
        with server_process(tmp_path):
            data = tmp_path / "data"
            assert mode_of(data) == 0o700
            files = list(data.iterdir())
            assert {path.name for path in files} >= SECRETS | {DATABASE}
            assert {mode_of(path) for path in files} == {0o600}
            assert all(len((data / name).read_text().strip()) >= 43 for name in SECRETS)
    finally:
        os.umask(old_umask)


def test_secrets_are_kept_over_restarts_and_are_not_those_of_another_folder(tmp_path: Path) -> None:
    def secrets_in(folder: Path) -> dict[str, str]:
        folder.mkdir(exist_ok=True)
        with server_process(folder):
            return {name: (folder / "data" / name).read_text() for name in SECRETS}

    first = secrets_in(tmp_path / "a")

    assert secrets_in(tmp_path / "a") == first
    assert not set(secrets_in(tmp_path / "b").values()) & set(first.values())


async def test_two_that_start_at_once_agree_on_their_secrets(tmp_path: Path) -> None:
    started = [start(tmp_path) for _ in range(3)]
    try:
        urls = []
        for process in started:
            assert process.stdout
            found = re.search(r"http://\S+", process.stdout.readline())
            assert found
            urls.append(found[0])
        token = (tmp_path / "data/admin-token").read_text().strip()
        request = head("GET", "/sessions", {"X-Admin-Token": token})
        assert [(await exchange(url, request)).status for url in urls] == [200] * 3
        names = {path.name for path in (tmp_path / "data").iterdir()}
        assert {name for name in names if not name.startswith(DATABASE)} == SECRETS
    finally:
        for process in started:
            with process:
                process.kill()


async def test_a_busy_port_is_named_with_the_way_out(shared: ServerProcess) -> None:
    port = shared.url.rpartition(":")[2]

    second = run(shared.data.parent, PORT=port)

    assert second.returncode == 1
    assert second.stdout == ""
    assert f"127.0.0.1:{port}" in second.stderr
    assert "Choose another HOST or PORT" in second.stderr
    assert "Traceback" not in second.stderr
    assert (await exchange(shared.url, head("GET", "/health"))).status == 200


BAD: list[tuple[dict[str, str], list[str]]] = [
    ({"PORT": "none", "DEBUG": "perhaps"}, ["PORT: 'none' must be", "DEBUG: 'perhaps' must be"]),
    ({"REDIS_URL": "http://:hunter22@a", "PORT": "x"}, ["REDIS_URL: ", "PORT: "]),
    ({"ADMIN_TOKEN": "hunter22"}, ["ADMIN_TOKEN: "]),
    ({"DATA_DIR": "/proc/no/such"}, ["DATA_DIR: "]),
    ({"DATA_DIR": "/etc/hostname/data"}, ["DATA_DIR: "]),
    ({"DATA_DIR": "~nobody-has-this-name"}, ["DATA_DIR: "]),
    ({"HOST": "no.such.host.invalid"}, ["HOST"]),
]


@pytest.mark.parametrize(("settings", "told"), BAD, ids=str)
def test_what_cannot_work_stops_the_start_by_name(
    settings: dict[str, str], told: list[str], tmp_path: Path
) -> None:
    refused = run(tmp_path, **settings)

    assert refused.returncode == (1 if "HOST" in settings else 2)
    assert refused.stdout == ""
    assert all(line in refused.stderr for line in told)
    assert "Traceback" not in refused.stderr
    assert "hunter22" not in refused.stderr


def test_a_folder_that_others_may_write_into_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(0o777)

    refused = run(tmp_path)

    assert refused.returncode == 2
    assert f"chmod 700 {tmp_path / 'data'}" in refused.stderr


def test_an_empty_secret_is_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "data/secret").touch()

    refused = run(tmp_path)

    assert refused.returncode == 2
    assert "delete it" in refused.stderr


def test_settings_come_from_a_file_and_the_environment_goes_before(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("ADMIN_TOKEN=short\nPORT=none # by mistake\n")
    (tmp_path / "other.env").write_text("ADMIN_TOKEN=also-short")

    of_file = run(tmp_path, PORT="")
    of_both = run(tmp_path)
    of_other = run(tmp_path, "--env-file", "other.env", PORT="1x")
    of_none = run(tmp_path, "--env-file", "missing.env")

    assert "ADMIN_TOKEN: " in of_file.stderr
    assert "PORT: " not in of_both.stderr  # the environment has 0
    assert "'1x'" in of_other.stderr
    assert "none" not in of_other.stderr
    assert "missing.env" in of_none.stderr
    assert [r.returncode for r in (of_file, of_both, of_other, of_none)] == [2] * 4


def test_help_names_every_setting_and_no_secret(tmp_path: Path) -> None:
    told = run(tmp_path, "--help", ADMIN_TOKEN="this-is-the-token")

    assert told.returncode == 0
    assert all(setting.name in told.stdout for setting in TABLE)
    assert "this-is-the-token" not in told.stdout
    assert run(tmp_path, "--version").stdout == f"Hushwire {VERSION}\n"


def test_what_is_risky_is_warned_of_at_the_start(chosen: ServerProcess) -> None:
    warnings = [line for line in chosen.log.splitlines() if line.startswith("Warning: ")]

    assert len(warnings) == len(RISKY)


async def test_debugging_opens_the_list_of_sessions_to_this_machine_only(tmp_path: Path) -> None:
    with server_process(tmp_path, DEBUG="true") as server:
        statuses = [
            (await exchange(server.url, head("GET", "/sessions", headers))).status
            for headers in (
                {"Host": "localhost:3001"},
                {"Host": "[::1]"},
                {"Host": "127.0.0.1", "X-Forwarded-For": "127.0.0.1"},
                {"Host": "a-name-that-leads-to-127.0.0.1.example"},
            )
        ]

    assert statuses == [200, 200, 401, 401]


async def test_a_hangup_ends_nothing(shared: ServerProcess) -> None:
    shared.process.send_signal(signal.SIGHUP)

    assert (await exchange(shared.url, head("GET", "/health"))).status == 200
    assert shared.process.poll() is None


WITH_REPORT = """
import gc, signal, sys

def report(*_):
    print("collects:", gc.isenabled(), gc.get_freeze_count() > 10_000, file=sys.stderr)

signal.signal(signal.SIGUSR1, report)
"""
"""Python runs it at the start of each process."""


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_server_that_listens_collects_cycles_but_not_its_own_code(
    workers: int, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(WITH_REPORT)
    path = f"{tmp_path}:{PYTHON['PYTHONPATH']}"
    with server_process(tmp_path, WORKERS=workers, PYTHONPATH=path) as server:
        for pid in server.workers() or [server.process.pid]:
            os.kill(pid, signal.SIGUSR1)

        await until(lambda: server.log.count("collects:") == workers)

        assert server.log.count("collects: True True") == workers


# --- the end ---


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_an_idle_server_at_once(signum: int, tmp_path: Path) -> None:
    with server_process(tmp_path) as server:
        stopped = await stop(server, signum)

    assert stopped.status == 0
    assert stopped.seconds < STOP_LIMIT_S
    assert [entry["event"] for entry in server.log_lines] == ["started", "stopped"]


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
async def test_clients_see_their_transport_closed_and_no_goodbye(
    signum: int, tmp_path: Path
) -> None:
    kinds: list[type[Line]] = [WebSocketLine] * 100 + [PollingLine] * 100
    with server_process(tmp_path) as server:
        async with AsyncExitStack() as stack:
            lines = [await stack.enter_async_context(kind(server.url)) for kind in kinds]
            await asyncio.gather(*(line.open() for line in lines))
            await asyncio.gather(*(line.join(f"lair {n}", n) for n, line in enumerate(lines)))

            stopped = await stop(server, signum)

            ends = [await line.ended() for line in lines]
            assert stopped.status == 0
            assert stopped.seconds < STOP_LIMIT_S
            assert ends == [1012] * 100 + [1000] * 100
            # A DISCONNECT of Socket.IO would keep official clients away for good.
            assert not [packet for line in lines for packet in line.heard if packet == "41"]
            polls = [line.last_poll for line in lines if isinstance(line, PollingLine)]
            assert {(poll.status, poll.body[-1:]) for poll in polls} == {(200, b"1")}
            assert [entry for entry in server.log_lines if entry["level"] == "error"] == []


async def test_nobody_who_is_slow_or_half_open_delays_the_end(tmp_path: Path) -> None:
    upgrade = head("GET", WEBSOCKET, UPGRADE)
    slow_body = {"Content-Type": "application/json", "Content-Length": "999"}
    sent = {
        "nothing": b"",
        "half a head": b"GET /health HTTP/1.1\r\nHost:",
        "half a body": head("POST", "/api/reserve-session", slow_body) + b"{",
        "an idle connection": head("GET", "/health"),
        "a WebSocket without namespace": upgrade,
        "a WebSocket that answers no close": upgrade + frame(1, b"40"),
        "half a frame": upgrade + frame(1, b"40" * 100)[:50],
    }
    with server_process(tmp_path) as server:
        async with AsyncExitStack() as stack:
            for _ in range(20):
                for part in sent.values():
                    _, writer = await stack.enter_async_context(connected(server.url))
                    writer.write(part)
            polling = await stack.enter_async_context(PollingLine(server.url))
            await polling.open()
            await start_upgrade(stack, polling)
            await start_post(stack, polling)

            stopped = await stop(server)

        assert stopped.status == 0
        assert stopped.seconds < STOP_LIMIT_S
        assert [entry for entry in server.log_lines if "exception" in entry] == []


async def start_upgrade(stack: AsyncExitStack, line: PollingLine) -> None:
    reader, writer = await stack.enter_async_context(connected(line.url))
    writer.write(head("GET", line.target.replace("polling", "websocket"), UPGRADE))
    await read_reply(reader)
    writer.write(frame(1, b"2probe"))
    await reader.readexactly(8)


async def start_post(stack: AsyncExitStack, line: PollingLine) -> None:
    _, writer = await stack.enter_async_context(connected(line.url))
    writer.write(head("POST", line.target, {"Content-Length": "999"}) + b"4")
    await writer.drain()


async def test_who_talks_without_pause_does_not_delay_the_end(tmp_path: Path) -> None:
    with server_process(tmp_path, RATE_LIMITS="off") as server:
        async with WebSocketLine(server.url) as line:
            await (await line.open()).join("lair", "mallory")
            told = asyncio.Event()

            async def talk() -> None:
                while not line.is_ended:
                    await line.send('42["typing-start",{"sessionId":"lair"}]')
                    told.set()

            talking = asyncio.create_task(talk())
            await told.wait()

            stopped = await stop(server)

            await asyncio.gather(talking, return_exceptions=True)
        assert stopped.status == 0
        assert stopped.seconds < STOP_LIMIT_S


async def test_a_second_signal_changes_nothing(tmp_path: Path) -> None:
    with server_process(tmp_path) as server:
        async with connected(server.url) as (reader, writer):
            writer.write(head("GET", WEBSOCKET, UPGRADE) + frame(1, b"40"))
            await read_reply(reader)
            server.process.send_signal(signal.SIGTERM)

            stopped = await stop(server)

    assert stopped.status == 0
    assert stopped.seconds < STOP_LIMIT_S


async def test_after_the_end_the_port_is_free_for_the_next_start(tmp_path: Path) -> None:
    with server_process(tmp_path) as server:
        port = server.url.rpartition(":")[2]
        async with WebSocketLine(server.url) as line:
            await line.open()
            await stop(server)

    with server_process(tmp_path, PORT=port) as again:
        assert again.url == server.url
