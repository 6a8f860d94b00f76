"""Bounds on sizes and counts, and rates. Every number here is a setting with a unit."""

from msgspec import Struct


class Bounds(Struct, frozen=True):
    """How large things may be. They hold even where the rates are lifted.

    `total_bytes` is for the messages and public keys of all live rooms together.
    """

    id_chars: int = 128
    name_chars: int = 512
    key_chars: int = 512
    ciphertext_bytes: int = 512 * 1024
    public_key_bytes: int = 16 * 1024
    rooms: int = 100_000
    rooms_per_connection: int = 16
    total_bytes: int = 512 * 1024 * 1024


class Rate(Struct, frozen=True):
    """A token bucket: `burst` at once, then `per_minute` evenly."""

    per_minute: int
    burst: int


class Rates(Struct, frozen=True):
    """How often one address, or one member, may do a thing. None lifts that rate.

    `events` counts every event of one connection, whatever it asks for.
    """

    reserve: Rate | None = Rate(120, 60)
    join: Rate | None = Rate(1_200, 300)
    connect: Rate | None = Rate(1_200, 300)
    send: Rate | None = Rate(1_200, 300)
    events: Rate | None = Rate(6_000, 600)


WRONG_KEY_COST = 30
"""Tokens that a wrong key costs on top, of the join or reserve rate, so that guessing ends soon."""
