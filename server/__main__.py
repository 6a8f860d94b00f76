"""`python -m server`: reads `.env`, configures logging, runs until a signal."""

import argparse
import asyncio
import gc
import os
import resource
import sys
from pathlib import Path

from dotenv import dotenv_values

from server import logs
from server.exits import cannot_start
from server.installation import Installation, installed
from server.settings import Settings, SettingsError, load
from server.settings.table import TABLE
from server.version import VERSION
from server.workers.supervisor import supervise


def main(argv: list[str] | None = None) -> int:
    """Run the server.

    Returns:
        The exit status: 0 after a signal, 1 if it cannot listen, 2 if a setting is bad, 3 if
        the store of live state is away.
    """
    arguments = _parser().parse_args(argv)
    try:
        environment = {**_dotenv(arguments.env_file), **os.environ}
        installation = installed(load(environment))
    except SettingsError as error:
        return cannot_start(error)
    settings = installation.settings
    logs.configure(verbose=settings.debug)
    _raise_open_files()
    for warning in settings.warnings:
        print(f"Warning: {warning}", file=sys.stderr)

    def tell(port: int) -> None:
        print(_start_line(installation, port), flush=True)

    if settings.workers > 1:
        return asyncio.run(supervise(installation, environment, tell))
    gc.disable()  # nothing of what is loaded now is garbage; `run` has it enabled again
    from server.process import run_alone  # noqa: PLC0415 - a supervisor has none of it in memory

    return run_alone(installation, tell)


def _start_line(installation: Installation, port: int) -> str:
    settings = installation.settings
    count = f" with {settings.workers} workers" if settings.workers > 1 else ""
    return f"Hushwire {VERSION} on {_url(settings, port)}{count} - {installation.places}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hushwire",
        description="A self-hosted relay for end-to-end-encrypted chat.",
        epilog="Settings, from the environment or the .env file:\n"
        + "\n".join(f"  {one.name:30} {one.summary} [{one.default}]" for one in TABLE),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"Hushwire {VERSION}")
    parser.add_argument(
        "--env-file", type=Path, help="read settings from this file instead of .env"
    )
    return parser


def _dotenv(path: Path | None) -> dict[str, str]:
    if path and not path.is_file():
        raise SettingsError(f"--env-file: there is no file {path}")
    values = dotenv_values(path or ".env", interpolate=False)
    return {name: value for name, value in values.items() if value is not None}


def _raise_open_files() -> None:
    """Allow as many sockets as the system lets us; the usual 1,024 is soon reached."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _url(settings: Settings, port: int) -> str:
    shown = {"0.0.0.0": "localhost", "::": "localhost"}.get(settings.host, settings.host)  # noqa: S104
    scheme = "https" if settings.tls_cert else "http"
    return f"{scheme}://[{shown}]:{port}" if ":" in shown else f"{scheme}://{shown}:{port}"


if __name__ == "__main__":
    sys.exit(main())
