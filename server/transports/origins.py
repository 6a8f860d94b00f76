"""Which web pages may use this server: our own, and those of `CLIENT_URL`."""

from collections.abc import Mapping

from msgspec import Struct

ANY = "*"

# Clients' libraries send the last two unasked; they count for nothing here.
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Range, Range, X-Admin-Token, "
    "X-File-Name, X-Request-Id, X-Requested-With",
    "Access-Control-Max-Age": "600",
}


class Origins(Struct, frozen=True):
    """The same list guards HTTP, polling and WebSockets.

    Attributes:
        allowed: Origins in lower case, such as `https://app.example`, or `*`.
    """

    allowed: frozenset[str]

    def allows(self, origin: str | None, own: str) -> bool:
        """Whether a request may come from this page. One without an Origin is no browser's."""
        if origin is None:
            return True
        return ANY in self.allowed or origin.lower() == own or origin.lower() in self.allowed

    def headers(self, origin: str | None, own: str) -> Mapping[str, str]:
        """The CORS headers of an answer to a page; none to a page that is not allowed."""
        if origin is None or not self.allows(origin, own):
            return {"Vary": "Origin"}
        headers = {
            "Vary": "Origin",
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": "Accept-Ranges, Content-Disposition, Content-Range, "
            "ETag, Retry-After, X-Request-Id",
        }
        if origin.lower() == own or origin.lower() in self.allowed:
            headers["Access-Control-Allow-Credentials"] = "true"
        return headers

    def preflight_headers(self) -> Mapping[str, str]:
        return _PREFLIGHT
