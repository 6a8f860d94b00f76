"""What clients may ask, field by field."""

from msgspec import Struct

from server.transports.api import DisplayName, Token


class GetGuest(Struct, frozen=True):
    login: DisplayName | None = None


class GetMe(Struct, frozen=True):
    """Who asks, the token says."""


class Refresh(Struct, frozen=True):
    token: Token
