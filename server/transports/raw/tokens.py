"""Where a client of a raw WebSocket shows its token: browsers cannot set its headers."""

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie

SUBPROTOCOL = "bearer"
"""A client that offers `bearer, <token>` is answered `bearer`; the token is in no log then."""


def token_of(query: Mapping[str, str], headers: Mapping[str, str]) -> str | None:
    """The token of a handshake: from the header, the subprotocols, or the query."""
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    offered = [one.strip() for one in headers.get("Sec-WebSocket-Protocol", "").split(",")]
    if offered[0] == SUBPROTOCOL and len(offered) == 2:
        return offered[1]
    return query.get("token")


def cookie_of(name: str | None, headers: Mapping[str, str]) -> str | None:
    """The cookie of a page: its Origin, which only browsers have to send, was looked at before."""
    if name is None or "Origin" not in headers:
        return None
    try:
        found = SimpleCookie(headers.get("Cookie", "")).get(name)
    except CookieError:
        return None
    return found.value if found else None
