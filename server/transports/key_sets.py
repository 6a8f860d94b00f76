"""The keys of an issuer, fetched from where it publishes them, and kept."""

import asyncio
import json
import logging
from urllib.parse import urlsplit

import aiohttp

from server.core.clock import Clock
from server.core.errors import AppError, Code
from server.core.keys import IssuerKey, read_keys

log = logging.getLogger("hushwire.key_sets")

FRESH_MS = 10 * 60_000
"""For which keys are used without asking again, so that a withdrawn one is soon refused."""

STALE_MS = 24 * 60 * 60_000
"""For which old keys go on while new ones cannot be had."""

UNKNOWN_GAP_MS = 60_000
"""Between two questions while there are keys: tokens may name unknown keys as they like."""

RETRY_GAP_MS = 5_000
"""Between two questions while there are none."""

DISCOVERY = "/.well-known/openid-configuration"
"""Below an issuer. Source: OpenID Connect Discovery 1.0, section 4."""

FETCH_LIMIT_S = 5.0
MAX_BODY_BYTES = 256 * 1024


class PublishedKeys:
    """The keys at one address. Whoever asks while they are fetched waits for that one fetch.

    Args:
        url: HTTPS, or of this machine; what it redirects to is not followed.
        is_issuer: It is that of an issuer of OpenID Connect, which says where its keys are.
    """

    def __init__(self, url: str, clock: Clock, *, is_issuer: bool = False) -> None:
        self._url = url
        self._is_issuer = is_issuer
        self._clock = clock
        self._keys: tuple[IssuerKey, ...] = ()
        self._fetched_ms = 0
        self._asked_ms: int | None = None
        self._has_failed = False
        self._fetching: asyncio.Task[None] | None = None
        self._client: aiohttp.ClientSession | None = None
        self._is_closed = False

    async def find(self, kid: str | None) -> tuple[IssuerKey, ...]:
        """The keys with this name; all of them if the token names none.

        Raises:
            AppError: UNAVAILABLE if there are none, only such as are too old, or none of this
                name and it is too early to ask for newer ones.
        """
        is_told = False
        if self._should_ask(kid):
            if self._fetching is None and self._may_ask():
                self._fetching = asyncio.create_task(self._fetch())
            if self._fetching and self._should_wait(kid):
                await asyncio.wait({self._fetching})  # whoever gives up does not end it
                is_told = not self._has_failed
        found = self._named(kid)
        if (not found and not is_told) or self._age_ms() >= STALE_MS:
            problem = "the keys of the tokens' issuer cannot be had; try again"
            raise AppError(Code.UNAVAILABLE, problem, self._retry_ms())
        return found

    async def close(self) -> None:
        """Fetch no more; whoever waits is told that there are no keys."""
        self._is_closed = True
        if self._fetching:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)
        if self._client:
            await self._client.close()

    def _named(self, kid: str | None) -> tuple[IssuerKey, ...]:
        return tuple(key for key in self._keys if kid is None or key.kid == kid)

    def _age_ms(self) -> int:
        return self._clock.now_ms() - self._fetched_ms

    def _should_ask(self, kid: str | None) -> bool:
        return not self._named(kid) or self._age_ms() >= FRESH_MS

    def _should_wait(self, kid: str | None) -> bool:
        """An issuer that has just not answered holds nobody up who can do without."""
        return not (self._has_failed and self._named(kid) and self._age_ms() < STALE_MS)

    def _retry_ms(self) -> int:
        if not self._keys or self._asked_ms is None:
            return RETRY_GAP_MS
        return max(self._asked_ms + UNKNOWN_GAP_MS - self._clock.now_ms(), RETRY_GAP_MS)

    def _may_ask(self) -> bool:
        if self._asked_ms is None or self._is_closed:
            return not self._is_closed
        gap_ms = UNKNOWN_GAP_MS if self._keys else RETRY_GAP_MS
        return self._clock.now_ms() - self._asked_ms >= gap_ms

    async def _fetch(self) -> None:
        self._asked_ms = self._clock.now_ms()
        try:
            async with asyncio.timeout(FETCH_LIMIT_S):
                keys = read_keys(json.loads(await self._download(await self._find_url())))
        except (TimeoutError, OSError, aiohttp.ClientError, ValueError, RecursionError) as error:
            fields = {"error": type(error).__name__, "has_old": bool(self._keys)}
            log.warning("keys_not_fetched", extra={"fields": fields})
            self._has_failed = True
        else:
            self._keys, self._fetched_ms = keys, self._asked_ms
            self._has_failed = False
            log.info("keys_fetched", extra={"fields": {"keys": len(keys)}})
        finally:
            self._fetching = None

    async def _find_url(self) -> str:
        """Where the keys are, as the issuer says now."""
        if not self._is_issuer:
            return self._url
        said = json.loads(await self._download(self._url.rstrip("/") + DISCOVERY))
        if not isinstance(said, dict) or said.get("issuer") != self._url:
            raise ValueError("it is the configuration of another issuer")
        url = said.get("jwks_uri")
        if not isinstance(url, str) or not is_trusted(url):
            raise ValueError("it names no keys")
        return url

    async def _download(self, url: str) -> bytes:
        if self._client is None:
            # Neither cookies nor another host's headers: each fetch is the first.
            self._client = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        headers = {"Accept": "application/jwk-set+json, application/json"}
        async with self._client.get(url, allow_redirects=False, headers=headers) as answer:
            if answer.status != 200:
                raise ValueError(f"it answers {answer.status}")
            body = await answer.content.read(MAX_BODY_BYTES + 1)
            while len(body) <= MAX_BODY_BYTES and not answer.content.at_eof():
                body += await answer.content.read(MAX_BODY_BYTES + 1 - len(body))
        if len(body) > MAX_BODY_BYTES:
            raise ValueError("it is too large")
        return body


def is_trusted(url: str) -> bool:
    """Whether nobody on the way to a URL can answer for it: HTTPS, or of this machine."""
    parts = urlsplit(url)
    is_here = parts.hostname in ("localhost", "127.0.0.1", "::1")
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and is_here)
    )
