"""`scripts/bench --durable`: messages that are kept, on SQLite and on PostgreSQL.

Through the store alone, and end to end by HTTP with a token; each round on a new database, and the
engines in turn.
"""

import asyncio
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from scripts.bench_parts import posted, stored
from scripts.bench_parts.posted import Posted
from scripts.bench_parts.servers import HUSHWIRE, BenchError, Kind, running
from scripts.bench_parts.stored import Stored
from server.stores.sql.opening import database_at
from tests.postgres_servers import PostgresServer, new_database

ENGINES = ("SQLite", "PostgreSQL")

SENDERS = (1, 10, 100, 300)

CONNECTIONS = (1, 16, 64)

DESIGN = {
    "store, 300 senders, messages/s": "17,300; 6,200–10,000",
    "POST, 64 connections, requests/s": "1,000",
}
"""What the design asks for: of SQLite and of PostgreSQL, or of both."""

Values = dict[str, list[float]]
"""One figure: of each engine, round by round."""


def measure(rounds: int, seconds: float) -> dict[str, Values]:
    """All figures, by their names.

    Raises:
        BenchError: Something is missing, or an answer was wrong.
    """
    figures: dict[str, Values] = {}
    with _postgres() as server:
        for number in range(1, rounds + 1):
            for engine in ENGINES:
                for name, value in _measured(engine, server, seconds):
                    figures.setdefault(name, {}).setdefault(engine, []).append(value)
                    print(f"round {number}, {engine:10} {name}: {value:,.2f}", file=sys.stderr)
    return figures


@contextmanager
def _postgres() -> Iterator[PostgresServer]:
    server = PostgresServer("shared_buffers=128MB")
    try:
        server.start()
        yield server
    finally:
        server.remove()


def _measured(engine: str, server: PostgresServer, seconds: float) -> Iterator[tuple[str, float]]:
    for senders in SENDERS:
        with _database(engine, server) as url:
            counted = asyncio.Runner(loop_factory=uvloop.new_event_loop)
            with counted as loop:
                one: Stored = loop.run(stored.measure(database_at(url, Path()), senders, seconds))
        yield from _named(f"store, {senders} senders", one, "messages/s", "CPU µs/message")
    with _database(engine, server) as url, running(_hushwire(url)) as process:
        for connections in CONNECTIONS:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
                two: Posted = loop.run(posted.measure(process, connections, seconds))
            yield from _named(
                f"POST, {connections} connections", two, "requests/s", "server CPU µs/request"
            )


def _named(
    load: str, counted: Stored | Posted, of_rate: str, of_cpu: str
) -> Iterator[tuple[str, float]]:
    words = {"rate": of_rate, "cpu_us": of_cpu, "p50_ms": "p50 ms", "p99_ms": "p99 ms"}
    for name, value in msgspec.to_builtins(counted).items():
        yield f"{load}, {words[name]}", value


@contextmanager
def _database(engine: str, server: PostgresServer) -> Iterator[str]:
    """The URL of an empty one; a file is in the working directory's file system."""
    if engine == "PostgreSQL":
        yield new_database(server)
        return
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        yield f"sqlite://{folder}/data.sqlite3"


def _hushwire(url: str) -> Kind:
    settings = {
        "PORT": "0",
        "RATE_LIMITS": "off",
        "ADDRESS_SIGNUPS_PER_MINUTE": "100000",
        "ADDRESS_SIGNINS_PER_MINUTE": "100000",
        "ACCOUNT_SIGNINS_PER_MINUTE": "100000",
        "DATABASE_URL": url,
        "JWT_SECRET": "j" * 32,
        "ADMIN_TOKEN": "a" * 16,
        "MASTER_KEY": "bWFzdGVy" * 5 + "bWE=",
    }
    return Kind("Hushwire", HUSHWIRE, settings, is_pinned=False)


# --- the table ---


def render(figures: Mapping[str, Values], where: Mapping[str, str]) -> str:
    """The report, in Markdown."""
    lines = [["figure", *ENGINES, "PostgreSQL / SQLite", "design"]]
    lines.append(["---", "--:", "--:", "--:", "--:"])
    for name, by_engine in figures.items():
        cells = [f"{statistics.median(by_engine[one]):,.{_digits(name)}f}" for one in ENGINES]
        lines.append([name, *cells, _ratio(by_engine), DESIGN.get(name, "")])
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return "\n".join(f"- {name}: {value}" for name, value in where.items()) + f"\n\n{table}"


def _digits(name: str) -> int:
    return 2 if name.endswith(" ms") else 0


def _ratio(by_engine: Values) -> str:
    sqlite, postgres = (by_engine[one] for one in ENGINES)
    ratios = [other / one for one, other in zip(sqlite, postgres, strict=True)]
    spread = f" ({min(ratios):.2f}–{max(ratios):.2f})" if len(ratios) > 1 else ""
    return f"**{statistics.median(ratios):.2f}**{spread}"


def run(rounds: int, seconds: float, where: Mapping[str, str], written: Path | None) -> str:
    """Measure, and tell.

    Raises:
        BenchError: As `measure`.
    """
    try:
        figures = measure(rounds, seconds)
    except (OSError, RuntimeError) as error:
        raise BenchError(f"PostgreSQL does not start: {error}") from error
    if written:
        runs: dict[str, Any] = {"machine": dict(where), "durable": figures}
        written.write_text(json.dumps(runs, indent=1) + "\n")
    return render(figures, where)
