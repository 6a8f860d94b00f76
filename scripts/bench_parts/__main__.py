"""`scripts/bench`: one server after the other under the same loads, round after round."""

import argparse
import dataclasses
import json
import resource
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from scripts import children
from scripts.bench_parts import durable, generator
from scripts.bench_parts.machine import machine
from scripts.bench_parts.report import render
from scripts.bench_parts.servers import COMPARED, SERVERS, BenchError, Cores, running
from scripts.bench_parts.summary import Measurement
from scripts.bench_parts.workloads import WORKLOADS

FAILED = 1
OPEN_FILES = 6000


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark.

    Returns:
        The exit status: 0; 1 if a measurement failed or something is missing.
    """
    arguments = _parser().parse_args(argv)
    try:
        _allow_open_files()
        if arguments.durable:
            return _measure_durable(arguments)
        with children.ended_with_us(), tempfile.TemporaryDirectory() as folder:
            program = generator.build(Path(folder))
            cores = Cores.choose()
            where = machine(cores)
            measured = [_told(one) for one in _measure(arguments, program, cores)]
    except BenchError as error:
        print(f"hushwire: {error}", file=sys.stderr)
        return FAILED
    where["measured"] = f"{arguments.seconds:g} s at a time, {arguments.rounds} rounds"
    print(render(measured, arguments.workloads, arguments.servers, where))
    if arguments.json:
        runs = [dataclasses.asdict(one) for one in measured]
        arguments.json.write_text(json.dumps({"machine": where, "runs": runs}, indent=1) + "\n")
    return FAILED if any(one.error for one in measured) else 0


def _measure_durable(arguments: argparse.Namespace) -> int:
    where = machine(Cores(None, None))
    where["measured"] = f"{arguments.seconds:g} s at a time, {arguments.rounds} rounds"
    with children.ended_with_us():
        print(durable.run(arguments.rounds, arguments.seconds, where, arguments.json))
    return 0


def _measure(arguments: argparse.Namespace, program: Path, cores: Cores) -> Iterator[Measurement]:
    """A fresh server for every measurement, and the servers in turn: A, B, C, A, B, C …"""
    for number in range(1, arguments.rounds + 1):
        for workload in arguments.workloads:
            for server in arguments.servers:
                yield _measure_one(number, workload, server, arguments.seconds, program, cores)


def _measure_one(
    number: int, workload: str, server: str, seconds: float, program: Path, cores: Cores
) -> Measurement:
    try:
        with running(SERVERS[server], cores.server) as one:
            raw = generator.run(program, WORKLOADS[workload], one, seconds, cores)
    except BenchError as error:
        return Measurement(number, workload, server, None, str(error))
    return Measurement(number, workload, server, raw)


def _told(one: Measurement) -> Measurement:
    figures = WORKLOADS[one.workload].figures
    said = one.error or ", ".join(
        f"{figure.of(one.raw):,.{figure.digits}f} {figure.unit}" for figure in figures if one.raw
    )
    print(f"round {one.round}, {one.workload:3} {one.server:8} {said}", file=sys.stderr)
    return one


def _allow_open_files() -> None:
    """For us, the load generator and the servers, which inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < OPEN_FILES:
        raise BenchError(f"{OPEN_FILES} open files are needed, {hard} allowed: see ulimit -Hn")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _parser() -> argparse.ArgumentParser:
    loads = "\n".join(f"  {name:4} {one.title}" for name, one in WORKLOADS.items())
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Put the same loads on this server, on Node's socket.io and on python-socketio "
        "as shipped,\nin turn, and tell what each costs, as a ratio to Node. Loopback only; the "
        "whole of it takes\nabout eight minutes. docs/PERFORMANCE.md says how to read it.",
        epilog=f"workloads:\n{loads}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--workloads",
        type=_some_of(WORKLOADS),
        default=[name for name in WORKLOADS if name != "W7"],
        metavar="W1,W4",
        help="only these [all but W7]",
    )
    parser.add_argument(
        "--servers",
        type=_some_of(SERVERS),
        default=list(COMPARED),
        metavar="hushwire,node,stock",
        help="only these; without node there are no ratios; also redis, workers1, workers2 "
        "[hushwire,node,stock]",
    )
    parser.add_argument("--rounds", type=int, default=3, help="of which the median is told [3]")
    parser.add_argument(
        "--seconds", type=float, default=3, help="for which each load is measured [3]"
    )
    parser.add_argument(
        "--durable",
        action="store_true",
        help="messages that are kept, on SQLite and on a PostgreSQL of its own, in their stead",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all that was measured")
    return parser


def _some_of(known: Collection[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        names = text.split(",")
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
        return names

    return parse


if __name__ == "__main__":
    sys.exit(main())
