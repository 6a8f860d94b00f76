"""The table that people read: absolute values, ratios to Node, and how far to trust them."""

from collections.abc import Iterable, Mapping, Sequence

from scripts.bench_parts.servers import SERVERS
from scripts.bench_parts.summary import (
    REFERENCE,
    Measurement,
    Ratio,
    median,
    ratio,
    values,
)
from scripts.bench_parts.workloads import WORKLOADS, Figure

NOTHING = "–"


def render(
    measured: Sequence[Measurement],
    workloads: Sequence[str],
    servers: Sequence[str],
    machine: Mapping[str, str],
) -> str:
    """The whole report, in Markdown."""
    parts = [
        "\n".join(f"- {name}: {value}" for name, value in machine.items()),
        _table(measured, workloads, servers),
        "\n".join(f"- {line}" for line in [*_trust(measured), *_failures(measured)]),
    ]
    return "\n\n".join(part for part in parts if part)


def _table(
    measured: Sequence[Measurement], workloads: Sequence[str], servers: Sequence[str]
) -> str:
    compared = [name for name in servers if name != REFERENCE] if REFERENCE in servers else []
    titles = [SERVERS[name].title for name in servers]
    ratios = [f"{SERVERS[name].title} / Node" for name in compared]
    lines = [["", "workload", "figure", *titles, *ratios]]
    lines.append(["---", "---", "---", *("--:" for _ in servers), *("--:" for _ in compared)])
    for name in workloads:
        for figure in WORKLOADS[name].figures:
            lines.append([name, WORKLOADS[name].title, figure.unit])
            by_server = {one: values(measured, name, one, figure) for one in servers}
            lines[-1] += [_absolute(median(by_server[one]), figure) for one in servers]
            lines[-1] += [_ratio(ratio(by_server[one], by_server[REFERENCE])) for one in compared]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _absolute(value: float | None, figure: Figure) -> str:
    return NOTHING if value is None else f"{value:,.{figure.digits}f}"


def _ratio(of: Ratio | None) -> str:
    if not of:
        return NOTHING
    spread = f" ({of.lowest:.2f}–{of.highest:.2f})" if of.lowest != of.highest else ""
    return f"**{of.median:.2f}**{spread}"


def _trust(measured: Iterable[Measurement]) -> Iterable[str]:
    """How busy the servers were, and how little the load generator cost."""
    loaded = [
        (one, one.raw)
        for one in measured
        if one.raw and "window" in WORKLOADS[one.workload].options
    ]
    if not loaded:
        return
    busy = [100 * raw["server_cpu_s"] / raw["window_s"] for _, raw in loaded]
    yield f"Server's core busy in the saturated workloads: {min(busy):.0f} to {max(busy):.0f} %."
    own = [100 * raw["generator_cpu_s"] / raw["window_s"] for _, raw in loaded]
    yield f"Load generator's core busy at the same time: {min(own):.0f} to {max(own):.0f} %."
    heard = sum(raw["heard"] for _, raw in loaded)
    yield f"Deliveries in these, counted by each client: {heard:,.0f}; none lost, none doubled."


def _failures(measured: Iterable[Measurement]) -> Iterable[str]:
    for one in measured:
        if one.error:
            told = one.error.replace("\n", "; ")
            yield f"FAILED: {one.workload} on {SERVERS[one.server].title}: {told}"
