"""`python -m server`: reads `.env`, configures logging, runs until a signal."""

import argparse
import asyncio
import gc
import os
import resource
import signal
import sys
from pathlib import Path

import uvloop
from dotenv import dotenv_values
from msgspec import structs

from server import logs
from server.app import App
from server.datadir import open_folder, read_secret, secret_file
from server.settings import Settings, SettingsError, load
from server.settings.table import TABLE
from server.settings.values import signing_secret
from server.version import VERSION

BAD_SETTINGS = 2
CANNOT_LISTEN = 1
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Ending:
    """How the process is asked to end.

    Attributes:
        begun: It is to end, after a drain.
        hurried: It is to end at once: who asks twice will not wait, nor at a terminal.
    """

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.hurried = asyncio.Event()

    def ask(self) -> None:
        if self.begun.is_set():
            self.hurried.set()
        self.begun.set()

    def hurry(self) -> None:
        self.hurried.set()
        self.begun.set()


def main(argv: list[str] | None = None) -> int:
    """Run the server.

    Returns:
        The exit status: 0 after a signal, 1 if it cannot listen, 2 if a setting is bad.
    """
    arguments = _parser().parse_args(argv)
    try:
        settings = load({**_dotenv(arguments.env_file), **os.environ})
        folder = open_folder(settings.data_dir)
        secret = read_secret(secret_file(folder, "secret"))
        token_file = None if settings.admin_token else secret_file(folder, "admin-token")
        admin_token = settings.admin_token or read_secret(token_file or folder)
        signing_file = None if settings.jwt_secret else secret_file(folder, "jwt-secret")
        if signing_file:
            made = signing_secret(read_secret(signing_file))
            settings = structs.replace(settings, jwt_secret=made)
    except SettingsError as error:
        print(f"Hushwire cannot start:\n{error}", file=sys.stderr)
        return BAD_SETTINGS
    except (OSError, ValueError) as error:
        print(f"Hushwire cannot start:\nDATA_DIR: {error}", file=sys.stderr)
        return BAD_SETTINGS
    logs.configure(verbose=settings.debug)
    _raise_open_files()
    for warning in settings.warnings:
        print(f"Warning: {warning}", file=sys.stderr)
    app = App(settings, secret=secret, admin_token=admin_token)
    places = (
        f"operators' token in {token_file or 'ADMIN_TOKEN'}, "
        f"tokens' secret in {signing_file or 'JWT_SECRET'}"
    )
    return uvloop.run(_run(app, settings, places))


async def _run(app: App, settings: Settings, places: str) -> int:
    ending = Ending()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ending.ask)
    loop.add_signal_handler(signal.SIGINT, ending.hurry)
    loop.add_signal_handler(signal.SIGHUP, app.reload_certificate)
    try:
        await app.start()
    except OSError as error:
        print(
            f"Hushwire cannot listen on {settings.host}:{settings.port}: {error.strerror}. "
            "Choose another HOST or PORT, or stop what is there.",
            file=sys.stderr,
        )
        await app.stop()
        return CANNOT_LISTEN
    print(
        f"Hushwire {VERSION} on {_url(settings, app.port)} - {places}",
        flush=True,
    )
    _calm_collector()
    await ending.begun.wait()
    await _drain(app, ending.hurried)
    await app.stop()
    for signum in STOP_SIGNALS:
        # What is left is to exit with 0; one more signal must not make it another status.
        loop.remove_signal_handler(signum)
        signal.signal(signum, signal.SIG_IGN)
    return 0


async def _drain(app: App, hurried: asyncio.Event) -> None:
    tasks = [asyncio.create_task(app.drain()), asyncio.create_task(hurried.wait())]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


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


def _calm_collector() -> None:
    """Have the collector of cycles look less often, and never at what was there at the start.

    Reference counts free nearly all that a relay makes; by default every 700 new objects
    would have it walk through a good part of all connections.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 10)


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
