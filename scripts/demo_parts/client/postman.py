"""Signals, there and back: sealed, numbered, checked, and handed to whom they concern."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from scripts.demo_parts.client.roster import Roster, Someone
from scripts.demo_parts.protocol.cards import Card
from scripts.demo_parts.protocol.identity import Identity
from scripts.demo_parts.protocol.link import Link
from scripts.demo_parts.protocol.refusal import RefusedError
from scripts.demo_parts.protocol.signals import (
    ChainHead,
    Newest,
    Signal,
    read_signal,
    write_head,
    write_signal,
)

Kinds = Mapping[str, Callable[[Someone, list[bytes]], None]]
"""What is done with each kind of signal, given its sender and fields; it may refuse."""


@dataclass(frozen=True)
class Letter:
    """A signal that is to be sent.

    Attributes:
        to: A user id; None for everybody.
        file_id: Of a chunk, of which the receiver may have had enough meanwhile.
    """

    to: str | None
    encrypted: str | bytes
    file_id: bytes = b""


class Postman:
    """Signals of one member.

    Attributes:
        letters: Those that are to be sent, in this order.
    """

    def __init__(self, link: Link, identity: Identity, roster: Roster) -> None:
        self._link = link
        self._identity = identity
        self._roster = roster
        self._last_number = 0
        self._heard: dict[tuple[str, bool], int] = {}
        self.letters: deque[Letter] = deque()

    def say(self, someone: Someone, kind: str, fields: list[bytes], now_ms: int) -> None:
        """Tell somebody something that nobody else can read."""
        if not someone.card:
            return
        signal = Signal(self._next_number(now_ms), kind, fields)
        encrypted = write_signal(self._link, self._identity, someone.card, signal)
        file_id = fields[0] if kind == "file-chunk" else b""
        self.letters.append(Letter(someone.user_id, encrypted, file_id))

    def tell_head(self, newest: Newest, alone: Iterable[tuple[Card, Newest]], now_ms: int) -> None:
        """Tell everybody what one's newest message is, and some what that to them alone is."""
        number = self._next_number(now_ms)
        head = write_head(self._link, self._identity, number, newest, alone)
        self.letters.append(Letter(None, head))

    def take_back(self, someone: Someone, file_id: bytes) -> None:
        """Send no more chunks of a file that somebody wants no longer."""
        unwanted = (someone.user_id, file_id)
        self.letters = deque(one for one in self.letters if (one.to, one.file_id) != unwanted)

    def read(self, someone: Someone, encrypted: object) -> ChainHead | Signal | None:
        """Read what the relay brings as a signal of somebody; None if it was read before.

        Raises:
            RefusedError: It is none of this sender's for us.
        """
        if not someone.card:
            raise RefusedError("of a stranger")
        read = read_signal(self._link, self._identity, someone.card, encrypted)
        place = (someone.user_id, isinstance(read, ChainHead))
        if read.signal_number <= self._heard.get(place, 0):
            return None
        self._heard[place] = read.signal_number
        return read

    def _next_number(self, now_ms: int) -> int:
        self._last_number = max(now_ms, self._last_number + 1)
        return self._last_number
