"""What the server shows to its operators."""

import aiohttp

from scripts.audit_parts.forms import Needles
from scripts.audit_parts.looks import Look
from scripts.audit_parts.search import PIECE_BYTES, Search

PAGES = ("/metrics", "/health", "/sessions?limit=1000")


async def look_at_pages(
    http: aiohttp.ClientSession, token: str | None, needles: Needles
) -> list[Look]:
    """Look at each page that has numbers about what goes on."""
    return [await _look_at(http, page, token, needles) for page in PAGES]


async def _look_at(
    http: aiohttp.ClientSession, page: str, token: str | None, needles: Needles
) -> Look:
    look, search = Look(page.partition("?")[0]), Search(needles)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        async with http.get(page, headers=headers) as response:
            if response.status != 200:
                look.problem = f"it answered {response.status}"
                return look
            while piece := await response.content.read(PIECE_BYTES):
                search.feed(piece)
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        look.problem = str(error) or "no answer in time"
    return look.take(search)
