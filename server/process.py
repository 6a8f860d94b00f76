"""One process of the server, from its start to its end."""

import asyncio
import contextlib
import gc
import signal
from collections.abc import Callable

import uvloop

from server.app import App
from server.ending import Ending
from server.exits import cannot_listen, store_away
from server.installation import Installation
from server.opening import opened
from server.stores.live import StoreAwayError
from server.stores.sql.database import DatabaseAwayError
from server.transports.others import Seat

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def run_alone(installation: Installation, on_ready: Callable[[int], None]) -> int:
    """Run the only process of this machine, as `run` does."""
    return uvloop.run(run(installation, Seat(), Ending(), on_ready))


async def run(
    installation: Installation, seat: Seat, ending: Ending, on_ready: Callable[[int], None]
) -> int:
    """Run until it is asked to end.

    Args:
        ending: Asked by signals, and by others.
        on_ready: Called with the port once it listens.

    Returns:
        The exit status.
    """
    try:
        app = await opened(
            installation.settings,
            secret=installation.secret,
            admin_token=installation.admin_token,
            seat=seat,
        )
    except StoreAwayError as error:
        return store_away(error)
    _hear_signals(app, ending, has_others=bool(seat.sockets))
    try:
        await app.start()
    except TimeoutError:
        await app.stop()
        return store_away("it does not tell what is published there")
    except DatabaseAwayError as error:
        await app.stop()
        return store_away(error, "DATABASE_URL")
    except OSError as error:
        await app.stop()
        return cannot_listen(installation.settings, error)
    _calm_collector()
    on_ready(app.port)
    await ending.begun.wait()
    await _drain(app, ending)
    await app.stop()
    _ignore_signals()
    return 0


def _hear_signals(app: App, ending: Ending, *, has_others: bool) -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ending.ask_alone if has_others else ending.ask)
    loop.add_signal_handler(signal.SIGINT, ending.hurry)
    loop.add_signal_handler(signal.SIGHUP, app.reload_certificate)


def _ignore_signals() -> None:
    """What is left is to exit with 0; one more signal must not make it another status."""
    for signum in _STOP_SIGNALS:
        asyncio.get_running_loop().remove_signal_handler(signum)
        signal.signal(signum, signal.SIG_IGN)


async def _drain(app: App, ending: Ending) -> None:
    draining = asyncio.create_task(app.drain(is_alone=ending.is_alone))
    hurried = asyncio.create_task(ending.hurried.wait())
    await asyncio.wait([draining, hurried], return_when=asyncio.FIRST_COMPLETED)
    hurried.cancel()
    draining.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await draining


def _calm_collector() -> None:
    """Have the collector of cycles look, but less often, and never at what was there at the start.

    Reference counts free nearly all that a relay makes; by default every 700 new objects
    would have it walk through a good part of all connections.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 10)
    gc.enable()
