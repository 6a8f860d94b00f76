"""What was asked of a server that crashes, and what it said of it, before anybody is judged."""

from collections import Counter
from enum import IntEnum

from msgspec import Struct, field


class Known(IntEnum):
    """What a client knows of something that it may have asked for."""

    UNASKED = 0
    ASKED = 1  # and there was no answer, so that nobody knows
    DONE = 2


class Said(Struct, kw_only=True):
    """A message, as its sender knows it.

    Attributes:
        created_at: As the first answer has it; None if it was never acknowledged.
        deletion: Of what it says.
    """

    message_id: str
    room_id: str
    sender: str
    content: str
    created_at: str | None = None
    deletion: Known = Known.UNASKED

    @property
    def is_acknowledged(self) -> bool:
        return self.created_at is not None


class Receipts(Struct):
    """How far a message has come with somebody, as far as they have said so."""

    delivered: Known = Known.UNASKED
    read: Known = Known.UNASKED


class Place(Struct, frozen=True, order=True):
    """Of a message."""

    room_id: str
    seq: int


class Hearing(Struct):
    """What one device has heard over its WebSocket.

    Attributes:
        connection: The number of its connection.
        ids: Of messages, by their places, in the order in which they first came.
        last: By connection and room, the newest place.
    """

    connection: int = 0
    ids: dict[Place, str] = field(default_factory=dict)
    last: dict[tuple[int, str], int] = field(default_factory=dict)


class Ledger:
    """Of all that is said while a server crashes.

    Attributes:
        done: How often what happened, in words.
        faults: What could be seen to be wrong at once.
        acks: By device and message, whether the device has acknowledged it.
        uploaded, claimed, lost_claims: Of a device's one-time prekeys how many it has sent,
            which were handed out and how often, and how many may have been handed out to
            whoever got no answer.
    """

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.faults: list[str] = []
        self.said: dict[str, Said] = {}
        self.receipts: dict[tuple[str, str], Receipts] = {}
        self.acks: dict[tuple[str, str], Known] = {}
        self.hearings: dict[str, Hearing] = {}
        self.uploaded: Counter[str] = Counter()
        self.claimed: dict[str, Counter[int]] = {}
        self.lost_claims: Counter[str] = Counter()

    def fault(self, words: str) -> None:
        self.faults.append(words)

    # --- messages ---

    def say(self, said: Said) -> None:
        """Note a message before it is sent for the first time."""
        self.said[said.message_id] = said

    def acknowledge(self, said: Said, created_at: str) -> None:
        """Note that a message was answered."""
        self.done["messages acknowledged"] += 1
        if said.created_at not in (None, created_at):
            self.fault(f"{said.message_id} was answered otherwise when it was sent again")
        said.created_at = created_at

    def ask_deletion(self, said: Said, known: Known) -> None:
        said.deletion = max(said.deletion, known)

    # --- receipts ---

    def receipt(self, user_id: str, device_id: str, message_id: str, word: str, to: Known) -> None:
        """Note a receipt, before it is sent and when it was answered."""
        receipts = self.receipts.setdefault((user_id, message_id), Receipts())
        setattr(receipts, word, max(getattr(receipts, word), to))
        key = (device_id, message_id)
        self.acks[key] = max(self.acks.get(key, Known.UNASKED), to)

    # --- the WebSocket ---

    def hearing(self, device_id: str) -> Hearing:
        return self.hearings.setdefault(device_id, Hearing())

    def hear(self, device_id: str, connection: int, place: Place, message_id: str) -> None:
        """Note what a device hears; a connection is told nothing twice, and all in order."""
        hearing = self.hearing(device_id)
        before = hearing.last.get((connection, place.room_id), 0)
        if place.seq <= before:
            self.fault(f"{device_id} heard {place.seq} after {before} on one connection")
        hearing.last[(connection, place.room_id)] = place.seq
        if hearing.ids.setdefault(place, message_id) != message_id:
            self.fault(f"{device_id} heard two messages at {place}")
        self.done["messages heard"] += 1

    # --- prekeys ---

    def claim(self, device_id: str, key_id: int) -> None:
        """Note a one-time prekey that was handed out."""
        self.done["one-time prekeys handed out"] += 1
        self.claimed.setdefault(device_id, Counter())[key_id] += 1
