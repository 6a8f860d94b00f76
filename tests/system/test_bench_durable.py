"""`scripts/bench --durable`: that its loads are what they say, and its table."""

from scripts.bench_parts import posted, stored
from scripts.bench_parts.durable import _hushwire, render
from scripts.bench_parts.servers import running
from server.stores.sql.sqlite import SQLite
from server.stores.sql.steps import value


async def stored_in(path) -> int:
    database = SQLite(path)
    await database.start()
    count = await database.read(lambda: value("SELECT COUNT(*) FROM messages"))
    await database.close()
    return int(count)


async def test_what_counts_as_stored_is_in_the_database(tmp_path):
    path = tmp_path / "data.sqlite3"
    counted = await stored.measure(SQLite(path), senders=3, seconds=0.2)
    assert counted.rate > 0
    assert counted.cpu_us > 0
    assert await stored_in(path) > 3


async def test_what_counts_as_posted_is_in_the_database(tmp_path, monkeypatch):
    monkeypatch.setattr(posted, "PEOPLE", 2)
    path = tmp_path / "data.sqlite3"
    with running(_hushwire(f"sqlite://{path}")) as server:
        counted = await posted.measure(server, connections=3, seconds=0.2)
    assert counted.p50_ms <= counted.p99_ms
    assert await stored_in(path) > 3


def test_the_table_has_medians_and_ratios_round_by_round():
    figure = "store, 300 senders, messages/s"
    figures = {
        figure: {
            "SQLite": [1000.0, 4000.0, 2000.0],
            "PostgreSQL": [500.0, 1000.0, 1000.0],
        }
    }
    assert render(figures, {"CPU": "one"}).splitlines() == [
        "- CPU: one",
        "",
        "| figure | SQLite | PostgreSQL | PostgreSQL / SQLite | design |",
        "| --- | --: | --: | --: | --: |",
        f"| {figure} | 2,000 | 1,000 | **0.50** (0.25–0.50) | 17,300; 6,200–10,000 |",
    ]
