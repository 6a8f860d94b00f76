"""The metrics of all processes of a machine, as one page."""

import asyncio
import contextlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import aiohttp
from msgspec import Struct

from server.core.patience import Patience
from server.transports.routes import REQUESTS

ANSWER_LIMIT_S = 1.0
"""For another process; one that takes longer is left out."""

ONLY_OWN = "own"
"""In the query of a process that asks another one, which then asks nobody."""

_SAMPLE = re.compile(r"([^ {]+)(?:\{([^}]+)\})? ")


class Gathering(Struct, frozen=True):
    """Asks the other processes of this machine for their metrics.

    Attributes:
        node_id: Of this process.
        token: Of the operators.
    """

    folder: Path
    node_id: str
    token: str

    async def page(self, own: str) -> str:
        """The page of all, by this process's own."""
        others = [path for path in self._sockets() if path.stem != self.node_id]
        pages = await asyncio.gather(*map(self._ask, others))
        found = {path.stem: page for path, page in zip(others, pages, strict=True) if page}
        return merged({self.node_id: own, **found})

    def _sockets(self) -> list[Path]:
        return list(self.folder.glob(f"*.{REQUESTS}"))

    async def _ask(self, path: Path) -> str:
        """The page of one; nothing if it does not answer in time."""
        with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
            async with (
                Patience(ANSWER_LIMIT_S),
                aiohttp.ClientSession(
                    connector=aiohttp.UnixConnector(str(path)),
                    timeout=aiohttp.ClientTimeout(),
                    headers={"Authorization": f"Bearer {self.token}"},
                ) as session,
                session.get(f"http://socket/metrics?{ONLY_OWN}") as answer,
            ):
                return await answer.text() if answer.status == 200 else ""
        return ""


def merged(pages: Mapping[str, str]) -> str:
    """One page of many, in which a label `worker` tells whose a sample is.

    Args:
        pages: By the ids of their processes.
    """
    families: dict[str, list[str]] = {}
    for node_id, page in sorted(pages.items()):
        _add(families, node_id.partition("n")[0], page.splitlines())
    return "".join(f"{line}\n" for lines in families.values() for line in lines)


def _add(families: dict[str, list[str]], worker: str, lines: Iterable[str]) -> None:
    """Add the lines of one process; all samples of a family stand together."""
    family: list[str] = []
    for line in lines:
        if not line.startswith("#"):
            family.append(_SAMPLE.sub(lambda found: _labelled(found, worker), line, count=1))
            continue
        if line.startswith("# HELP "):
            family = families.setdefault(line.split(" ")[2], [])
        if line not in family:
            family.append(line)


def _labelled(sample: re.Match[str], worker: str) -> str:
    name, labels = sample.groups()
    more = f",{labels}" if labels else ""
    return f'{name}{{worker="{worker}"{more}}} '
