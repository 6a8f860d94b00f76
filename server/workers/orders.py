"""What a supervisor and its worker tell each other, over a pair of sockets, one line each.

The worker is told its `Orders`, says `READY`, and then hears words. If the supervisor is
gone, its end of the pair closes, and the worker ends.
"""

import json

import msgspec
from msgspec import Struct

READY = "ready"

DRAIN = "drain"
STOP = "stop"
"""At once, without drain."""


class Orders(Struct, frozen=True):
    """What one worker is.

    Attributes:
        number: From 0; of those that run, only one has it.
        node_id: In front of the ids of its connections, by which the others find it.
        sockets: Their descriptors, which listen on the shared port.
        folder: Where the workers have their Unix sockets.
        redis_url: Of what they share.
        environment: Of the supervisor, `.env` merged into it: it may have changed since.
    """

    number: int
    node_id: str
    sockets: tuple[int, ...]
    folder: str
    redis_url: str | None
    environment: dict[str, str]


MAX_ORDERS_BYTES = 1 << 22
"""More than the system allows an environment to have."""


def encode(orders: Orders) -> bytes:
    # The library, unlike msgspec, takes values that are no text, as an environment may have.
    return json.dumps(msgspec.to_builtins(orders)).encode() + b"\n"


def decode(line: bytes) -> Orders:
    return msgspec.convert(json.loads(line), Orders)
