"""All the places where a server keeps something, or shows it."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import aiohttp

from scripts.audit_parts.databases import look_at_postgres
from scripts.audit_parts.files import Files
from scripts.audit_parts.forms import Needles, Secret
from scripts.audit_parts.looks import Look, not_asked
from scripts.audit_parts.pages import look_at_pages
from scripts.audit_parts.redis_keys import look_at_redis
from server.settings import Settings
from server.stores.durable import FILE_NAME
from server.stores.sql.opening import file_of


class Places(NamedTuple):
    """Of one server.

    Attributes:
        token: The operators'.
    """

    settings: Settings
    url: str
    token: str | None
    logs: list[Path]
    backups: list[Path]


async def look_everywhere(
    places: Places, http: aiohttp.ClientSession, secrets: Sequence[Secret], control: str = ""
) -> AsyncIterator[Look]:
    """Look for secrets at each place in turn.

    Args:
        control: What the database must hold: who does not find that has not looked.
    """
    whole = Needles(secrets)
    settings, files = places.settings, Files(whole, Needles(secrets, cut=True))
    yield await _look_at_database(settings, files, whole)
    yield files.look("data folder", settings.data_dir, besides=_database_file(settings))
    yield await _look_at_redis(settings, whole)
    for page in await look_at_pages(http, places.token, whole):
        yield page
    for what, paths in (("log", places.logs), ("backup", places.backups)):
        for path in paths:
            yield files.look(what, path)
        if not paths:
            yield not_asked(what, f"none was named by --{what}")
    if control:
        yield await _look_for_control(settings, control)


async def _look_at_database(settings: Settings, files: Files, needles: Needles) -> Look:
    path = _database_file(settings)
    if path is None:
        return await look_at_postgres(str(settings.database_url), needles)
    return files.look_at_database(path)


def _database_file(settings: Settings) -> Path | None:
    return file_of(settings.database_url, settings.data_dir / FILE_NAME)


async def _look_at_redis(settings: Settings, needles: Needles) -> Look:
    url = settings.redis_url
    if url:
        parts = urlsplit(url)
        where = parts.netloc.rpartition("@")[2] or parts.path
        return await look_at_redis(url, f"at {where}", needles)
    folder, socket = settings.data_dir / "redis", settings.data_dir / "run/redis"
    if socket.exists():
        return await look_at_redis(
            f"unix://{socket.absolute()}", f"of the workers, {socket}", needles
        )
    if folder.exists():
        problem = f"{folder} is of one that does not run here; name it in REDIS_URL"
        return Look("Redis", "of the workers", problem=problem)
    return not_asked("Redis", "none is in the settings")


async def _look_for_control(settings: Settings, control: str) -> Look:
    needles = Needles([Secret("control", control)])
    look = await _look_at_database(settings, Files(needles, needles), needles)
    problem = "what was just sent is not in this database: is it this server's?"
    if look.found:
        look.found, look.what = set(), "control"
        return look
    return Look("control", problem=look.problem or problem)
