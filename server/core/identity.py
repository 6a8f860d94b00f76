"""Who somebody is, beyond one room: what a token says."""

from msgspec import Struct

from server.core.ids import UserId


class User(Struct, frozen=True):
    """A user, as a good token tells.

    Attributes:
        login: The name that others see.
        expires_ms: When the token runs out; None for never.
        is_guest: A pseudonym for a day, for sessions and random groups only.
        is_operator: May see what only operators see.
    """

    user_id: UserId
    login: str
    expires_ms: int | None
    is_guest: bool = False
    is_operator: bool = False
