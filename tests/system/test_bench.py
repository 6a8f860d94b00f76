"""`scripts/bench` without a compiler: a stub stands for the load generator.

What the three servers say is compared here, since the figures are worth nothing if they
do not do the same work.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import socketio

from scripts.bench_parts.report import render
from scripts.bench_parts.servers import COMPARED, SERVERS, BenchError, Kind, running
from scripts.bench_parts.summary import Measurement, Ratio, ratio, values
from scripts.bench_parts.workloads import WORKLOADS
from tests.servers import until

ROOT = Path(__file__).parents[2]
BENCH = (sys.executable, "-m", "scripts.bench_parts")

MESSAGE = {"sessionId": "room", "to": "all", "type": "text", "id": "1", "encrypted": "secret"}

COUNTED = {
    "sent": 12,
    "heard": 1188,
    "deliveries": 1000,
    "messages": 10,
    "connects": 0,
    "window_s": 0.1,
    "server_cpu_s": 0.02,
    "generator_cpu_s": 0.004,
    "p50_ms": 1.5,
    "p99_ms": 4.0,
    "max_ms": 5.0,
    "rss_before_kb": 40_000,
    "rss_after_kb": 140_000,
}
"""As the load generator prints it."""


def measured(round_, server, workload="W1", error=None, **raw):
    return Measurement(round_, workload, server, None if error else COUNTED | raw, error)


# --- the servers do the same ---


@pytest.fixture(scope="module", params=SERVERS)
def port(request):
    with running(SERVERS[request.param]) as server:
        yield server.port


class Member:
    """A client that joined a session, and all that it heard of messages."""

    def __init__(self, client):
        self.client = client
        self.joined = None
        self.heard: list[dict[str, Any]] = []
        self.sent: list[dict[str, Any]] = []
        client.on("new-message", self.heard.append)
        client.on("message-sent", self.sent.append)

    async def ask(self, event, **request):
        return await self.client.call(event, request, timeout=10)


@asynccontextmanager
async def members(port, session, *user_ids):
    entered = []
    try:
        for user_id in user_ids:
            client = socketio.AsyncClient(reconnection=False)
            member = Member(client)
            entered.append(member)
            await client.connect(f"http://127.0.0.1:{port}", transports=["websocket"])
            wanted = {"sessionId": session, "userId": user_id, "isCreator": True}
            member.joined = await member.ask("join-session", **wanted)
            assert member.joined["success"]
        yield entered
    finally:
        for member in entered:
            await member.client.disconnect()


async def test_every_server_tells_the_others_the_sender_and_the_acknowledgement_the_same(port):
    async with members(port, "room", "alice", "bob") as (alice, bob):
        answer = await alice.ask("send-message", **MESSAGE)
        await until(lambda: bob.heard and alice.sent)

        message = answer.copy()
        assert (message.pop("success"), message.pop("messageId")) == (True, "1")
        assert bob.heard == alice.sent == [message]
        assert isinstance(message.pop("timestamp"), int)
        said = {key: value for key, value in MESSAGE.items() if key != "sessionId"}
        assert message == said | {"from": "alice", "seq": 3}
        assert alice.heard == bob.sent == []


async def test_every_server_refuses_who_did_not_join(port):
    async with members(port, "other room", "alice") as (alice,):
        answer = await alice.ask("send-message", **MESSAGE | {"sessionId": "room of others"})
        assert (answer["success"], answer["error"]) == (False, "not_a_member")


async def test_every_server_keeps_the_last_500_messages(port):
    async with members(port, "full room", "alice", "bob") as (alice, bob):
        for number in range(505):
            request = MESSAGE | {"sessionId": "full room", "id": str(number)}
            await alice.client.emit("send-message", request)
        await until(lambda: len(bob.heard) == 505)
        async with members(port, "full room", "carol") as (carol,):
            kept = [one["id"] for one in carol.joined["messages"]]
        assert kept == [str(number) for number in range(5, 505)]


# --- the figures ---


def test_a_ratio_is_taken_round_by_round_where_both_were_measured():
    (cpu,) = WORKLOADS["W1"].figures
    rounds = [
        *(measured(n, "hushwire", server_cpu_s=cost) for n, cost in ((1, 0.01), (2, 0.04))),
        *(measured(n, "node", server_cpu_s=cost) for n, cost in ((1, 0.02), (2, 0.05), (3, 0.1))),
        measured(3, "hushwire", error="lost"),
        measured(1, "hushwire", workload="W3", server_cpu_s=9),
    ]
    ours = values(rounds, "W1", "hushwire", cpu)
    nodes = values(rounds, "W1", "node", cpu)
    assert ours == {1: 10, 2: 40}
    assert ratio(ours, nodes) == Ratio(median=0.65, lowest=0.5, highest=0.8)
    assert ratio(ours, {}) is None


@pytest.mark.parametrize(
    ("workload", "unit", "value"),
    [
        ("W1", "CPU µs/delivery", 20),
        ("W2", "CPU µs/message", 20),
        ("W4", "memory kB/connection", 20),
        ("W5", "connects/s", 5000),
        ("W5", "CPU µs/connect", 40),
        ("W6", "latency p50 ms", 1.5),
        ("W6", "latency p99 ms", 4),
    ],
)
def test_a_figure_is_of_what_it_says(workload, unit, value):
    (figure,) = (one for one in WORKLOADS[workload].figures if one.unit == unit)
    assert figure.of({**COUNTED, "connects": 500}) == pytest.approx(value)


def test_the_table_shows_absolute_values_and_ratios_and_names_what_failed():
    rounds = [
        measured(1, "hushwire", server_cpu_s=0.01),
        measured(1, "node"),
        measured(1, "stock", error="client 7 heard 1 messages, not 2\nof its log"),
    ]
    page = render(rounds, ["W1"], list(COMPARED), {"CPU": "a good one"})
    _, _, row = (line for line in page.splitlines() if line.startswith("|"))
    assert row.endswith("| CPU µs/delivery | 10.0 | 20.0 | – | **0.50** | – |")
    assert "- CPU: a good one" in page
    assert "FAILED: W1 on python-socketio: client 7 heard 1 messages, not 2; of its log" in page


# --- the course of a run ---


@pytest.fixture
def path(tmp_path):
    """A PATH on which `cc` makes a shell script, `load`, of the load generator."""
    compiler = tmp_path / "bin/cc"
    compiler.parent.mkdir()
    compiler.write_text(f'#!/bin/sh\ncp "{tmp_path}/load" "$3"\n')
    compiler.chmod(0o755)
    return f"{compiler.parent}:{os.environ['PATH']}"


def make_load(tmp_path, script):
    load = tmp_path / "load"
    load.write_text(f"#!/bin/sh\n{script}\n")
    load.chmod(0o755)


def lives(pid):
    return Path(f"/proc/{pid}").exists()


def bench(path, *arguments):
    command = [*BENCH, "--servers", "hushwire", "--workloads", "W1", "--rounds", "1", *arguments]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | {"PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_load_gets_a_live_server_and_its_figures_are_shown_and_written(path, tmp_path):
    make_load(tmp_path, f'echo "$@" > "{tmp_path}/options"\necho \'{json.dumps(COUNTED)}\'')
    written = tmp_path / "figures.json"
    with bench(path, "--json", str(written), "--seconds", "2") as run:
        page, progress = run.communicate(timeout=60)
    assert run.returncode == 0, progress
    assert "| W1 | 10 rooms of 100, saturated | CPU µs/delivery | 20.0 |" in page
    options = (tmp_path / "options").read_text().split()
    asked = dict(zip(options[::2], options[1::2], strict=True))
    assert (asked["--rooms"], asked["--members"], asked["--seconds"]) == ("10", "100", "2.0")
    (only,) = json.loads(written.read_text())["runs"]
    assert (only["server"], only["raw"]) == ("hushwire", COUNTED)


def test_what_a_load_found_wrong_is_told_and_makes_the_run_fail(path, tmp_path):
    make_load(tmp_path, "echo client 3 heard 8 messages, not 9 >&2\nexit 1")
    with bench(path) as run:
        page, _ = run.communicate(timeout=60)
    assert run.returncode == 1
    assert "FAILED: W1 on Hushwire: client 3 heard 8 messages, not 9" in page


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
async def test_a_run_that_is_interrupted_ends_what_it_started(path, tmp_path, signum):
    told = tmp_path / "told"
    make_load(tmp_path, f'echo "$$ $*" > "{told}.new"\nmv "{told}.new" "{told}"\nexec sleep 600')
    with bench(path) as run:
        await until(told.exists, limit_s=30)
        run.send_signal(signum)
        run.communicate(timeout=60)
    assert run.returncode == 128 + signum
    load, *options = told.read_text().split()
    server = options[options.index("--pid") + 1]
    assert not any(map(lives, (load, server)))


def test_without_a_compiler_the_way_out_is_told(tmp_path):
    with bench(str(tmp_path)) as run:
        _, said = run.communicate(timeout=60)
    assert run.returncode == 1
    assert "apt-get install gcc" in said


def test_a_server_that_does_not_start_is_shown_with_its_last_words():
    complains = Kind("broken", (shutil.which("sh") or "sh", "-c", "echo no socket >&2; exit 3"))
    with pytest.raises(BenchError, match="no socket"), running(complains):
        pass
