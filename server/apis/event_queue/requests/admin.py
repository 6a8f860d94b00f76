"""What operators may ask."""

from msgspec import Struct


class AskStatistics(Struct, frozen=True):
    """Nothing is said."""


class Cleanup(Struct, frozen=True):
    """Nothing is said."""
