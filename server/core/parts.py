"""What the core is made of: its stores, its clock, and the limits of this installation."""

from msgspec import Struct

from server.core.clock import Clock
from server.core.limits import Bounds, Rates
from server.core.ports import GroupStore, RateLimiter, RoomStore, UserBroker
from server.core.recoveries import Recoveries
from server.core.relay import Relay


class Parts(Struct, frozen=True, kw_only=True):
    """Made once by the composition root, and shared by everything in the core.

    Attributes:
        relay: Tells rooms.
        users: Tells users, wherever they are connected.
    """

    store: RoomStore
    groups: GroupStore
    relay: Relay
    users: UserBroker
    recoveries: Recoveries
    limiter: RateLimiter
    clock: Clock
    bounds: Bounds
    rates: Rates
