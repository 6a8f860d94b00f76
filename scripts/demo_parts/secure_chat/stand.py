"""A server of its own for the story: on a free port, in a folder that goes away with it."""

import os
import re
import secrets
import subprocess
import sys
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts import children
from scripts.demo_parts.line import DemoError

ROOT = Path(__file__).parents[3]

PASSED_ON = ("DATABASE_URL", "REDIS_URL")
"""Of the caller's environment: where the server is to keep what it keeps."""

_MADE = ("JWT_SECRET", "ADMIN_TOKEN", "MASTER_KEY")


@dataclass(frozen=True)
class Stand:
    """Where a server is, and where what it keeps.

    Attributes:
        environment: Where its settings are.
        log: None if it is not known.
        folder: Of a server of our own.
        is_known: Whether these settings say where it keeps what it keeps.
    """

    url: str
    environment: dict[str, str]
    log: Path | None
    folder: Path | None = None
    is_known: bool = True

    def back_up(self) -> list[Path]:
        """Make a backup as operators do, of a server of our own.

        Raises:
            DemoError: It cannot be made.
        """
        if not self.folder:
            return []
        copy = self.folder / "backup"
        done = children.run(
            [sys.executable, "-m", "server.maintenance", "backup", str(copy)],
            cwd=self.folder,
            env=self.environment,
        )
        if done.returncode:
            raise DemoError(done.stderr.strip())
        return [copy]


@contextmanager
def own_server() -> Iterator[Stand]:
    """Run a server until the end, as talkative as it can be.

    Raises:
        DemoError: It does not start.
    """
    with children.ended_with_us(), tempfile.TemporaryDirectory(prefix="hushwire-demo-") as name:
        folder = Path(name)
        log, environment = folder / "log", _environment(folder)
        with log.open("wb") as stderr:
            process = children.start(
                [sys.executable, "-m", "server"],
                cwd=folder,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        with process:
            assert process.stdout
            found = re.search(r"http://\S+", process.stdout.readline())
            if not found:
                raise DemoError(f"the server does not start: {log.read_text().strip()}")
            try:
                yield Stand(found[0], environment, log, folder)
            finally:
                process.terminate()


def _environment(folder: Path) -> dict[str, str]:
    given = {name: os.environ[name] for name in PASSED_ON if os.environ.get(name)}
    # What several machines could share is not made at the first start.
    made = {name: b64encode(secrets.token_bytes(32)).decode() for name in _MADE} if given else {}
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "PORT": "0",
        "DATA_DIR": str(folder / "data"),
        "DEBUG": "true",
        "DRAIN_S": "0",
        **given,
        **made,
    }
