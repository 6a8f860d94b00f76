"""What every request meets first, whatever becomes of it: who calls, and from which page."""

import asyncio
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from server.core.errors import AppError, Code
from server.logs import request_id
from server.transports.origins import Origins
from server.transports.passes import HEADER, Asked, Hop, Passes
from server.transports.proxies import Proxies

SECURITY_HEADERS = {
    "Server": "Hushwire",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

DEFAULT_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
"""Of answers that have none of their own."""


PUBLIC_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Vary": "Accept-Encoding",
}
"""Of what pages of any origin may load: without credentials, and the same for all."""


class Peer(Struct, frozen=True):
    """The other end of a TCP connection: a client, or a proxy.

    Attributes:
        hop: By which the request came here; if it was forwarded, the rest is of the
            connection that it first came by.
    """

    address: str
    is_secure: bool
    hop: Hop = Hop.CLIENT


def _peer_of(transport: asyncio.BaseTransport | None) -> Peer:
    if transport is None:
        return Peer("unknown", is_secure=False)
    name = transport.get_extra_info("peername")
    return Peer(
        address=name[0] if name else "unknown",
        is_secure=transport.get_extra_info("sslcontext") is not None,
    )


class Front:
    """Tells callers apart, and pages that may use the server from others."""

    def __init__(self, origins: Origins, proxies: Proxies, passes: Passes) -> None:
        self._origins = origins
        self._proxies = proxies
        self._passes = passes

    def peer(self, transport: asyncio.BaseTransport | None, asked: Asked) -> Peer:
        """Who sent a request, whichever process of ours it first came to."""
        if HEADER in asked.headers and (told := self._passes.read(asked)):
            return Peer(told.address, told.is_secure, told.hop)
        return _peer_of(transport)

    def client_address(self, peer: Peer, headers: Any) -> str:
        """The client's address, by which limits count.

        Args:
            headers: Of the request, a multidict.
        """
        forwarded_for = headers.getall("X-Forwarded-For", [])
        return self._proxies.client_address(peer.address, forwarded_for)

    def check_origin(self, peer: Peer, headers: Mapping[str, str]) -> None:
        """Refuse a request of a page that may not use the server.

        Raises:
            AppError: ORIGIN_REFUSED.
        """
        if not self._origins.allows(headers.get("Origin"), self._own_origin(peer, headers)):
            raise AppError(
                Code.ORIGIN_REFUSED,
                "this page may not use the server; add its origin to CLIENT_URL",
            )

    def headers(
        self, peer: Peer, headers: Mapping[str, str], *, is_public: bool = False
    ) -> dict[str, str]:
        """What the head of every answer holds; `headers` are of the request."""
        own = self._own_origin(peer, headers)
        for_pages = (
            PUBLIC_HEADERS if is_public else self._origins.headers(headers.get("Origin"), own)
        )
        answer = {**SECURITY_HEADERS, "X-Request-Id": request_id(), **for_pages}
        if own.startswith("https:"):
            answer["Strict-Transport-Security"] = "max-age=31536000"
        return answer

    def is_secure(self, peer: Peer, headers: Mapping[str, str]) -> bool:
        """Whether the client came by HTTPS, as far as trusted proxies tell."""
        return self._own_origin(peer, headers).startswith("https:")

    def preflight_headers(self) -> Mapping[str, str]:
        return self._origins.preflight_headers()

    def _own_origin(self, peer: Peer, headers: Mapping[str, str]) -> str:
        scheme = "https" if peer.is_secure else "http"
        return self._proxies.own_origin(peer.address, scheme, headers)
