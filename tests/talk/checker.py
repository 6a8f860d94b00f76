"""What must be true of every delivery: the order, no loss, no doubling.

Every member is a witness of its room. What they heard is put together by the room's sequence:
each place in it holds one thing, the same for all who heard it.
"""

from collections.abc import Iterable

from msgspec import Struct

COMING_OR_GOING = ""
"""Sender of what is no message: somebody joined or left."""


class Record(Struct, frozen=True):
    """What stands at one place of a room's sequence.

    Attributes:
        number: Of the sender's messages: 1, 2, 3 …
        recipient: None for everybody.
    """

    sender: str
    number: int = 0
    recipient: str | None = None

    def is_for(self, name: str) -> bool:
        return self.recipient is None or name in (self.recipient, self.sender)


class Ledger:
    """One room.

    Attributes:
        faults: In words, in the order in which they were found.
        deliveries: Of messages of others, live or from the history.
        recovered: Those of them from the history.
    """

    def __init__(self, room: str) -> None:
        self.name = room
        self._records: dict[int, Record] = {}
        self._sent: dict[str, int] = {}
        self.witnesses: list[Witness] = []
        self.faults: list[str] = []
        self.deliveries = 0
        self.recovered = 0

    def witness(self, name: str) -> "Witness":
        witness = Witness(self, name)
        self.witnesses.append(witness)
        return witness

    def fault(self, words: str) -> None:
        self.faults.append(f"{self.name}: {words}")

    def note(self, seq: int, record: Record) -> None:
        known = self._records.setdefault(seq, record)
        if known != record:
            self.fault(f"seq {seq} is {known} to one and {record} to another")

    def at(self, seq: int) -> Record | None:
        return self._records.get(seq)

    def sent(self, sender: str, number: int) -> None:
        """A sender has its answer to a message: it must be there, once."""
        self._sent[sender] = number

    def close(self) -> None:
        """Say what is missing, once everybody has heard all."""
        top = max(self._records, default=0)
        gaps = [seq for seq in range(1, top + 1) if seq not in self._records]
        if gaps:
            self.fault(f"{len(gaps)} places of the sequence that nobody heard of, from {gaps[0]}")
        for sender, sent in self._sent.items():
            ordered = sorted(self._records.items())
            numbers = [record.number for _, record in ordered if record.sender == sender]
            if numbers != list(range(1, sent + 1)):
                self.fault(f"{sender} sent 1 to {sent}, and the sequence has {_odd(numbers, sent)}")
        for witness in self.witnesses:
            witness.close(top)


def _odd(numbers: list[int], sent: int) -> str:
    """Where a sender's numbers are not 1, 2, 3 …"""
    for place, number in enumerate(numbers, start=1):
        if number != place:
            return f"{number} where {place} belongs"
    return f"only {len(numbers)}" if len(numbers) < sent else f"{len(numbers)}"


class Witness:
    """One member, over all its connections.

    Attributes:
        last: The newest place in the sequence that it knows of.
    """

    def __init__(self, ledger: Ledger, name: str) -> None:
        self._ledger = ledger
        self._name = name
        self._passed_by: set[int] = set()  # while it was connected
        self._missed: set[int] = set()  # while it was away
        self._seen_at: dict[str, int] = {}  # sender -> the last of its numbers
        self.last = 0

    def join(self, seq: int, messages: Iterable[tuple[int, Record]], *, is_new: bool) -> None:
        """It joined, or came back, and was given the messages since `last`.

        Args:
            seq: The newest place then.
            is_new: As a newcomer, whose coming has that place.
        """
        for place, record in messages:
            self._go_to(place, self._missed, record)
            self._count(record)
            self._ledger.recovered += record.sender != self._name
        if seq < self.last:
            self._ledger.fault(f"{self._name} came back at {seq}, after {self.last}")
        self._missed.update(range(self.last + 1, seq + 1))
        self.last = seq
        if is_new:
            self._ledger.note(seq, Record(COMING_OR_GOING))

    def hear(self, seq: int, record: Record) -> None:
        """Something happened in the room, of its own doing or another's."""
        self._go_to(seq, self._passed_by, record)
        if record.sender:
            self._count(record)

    def repeat(self, seq: int, record: Record) -> None:
        """The answer to a message of its own, which what came after it may have overtaken.

        So it is if it was sent again, for fear that it was lost, or if answers and events
        come to the server on different ways.
        """
        if seq > self.last:
            self.hear(seq, record)
        else:
            self._ledger.note(seq, record)
            self._passed_by.discard(seq)
            self._missed.discard(seq)

    def close(self, top: int) -> None:
        """Say what it should have heard and has not."""
        self._passed_by.update(range(self.last + 1, top + 1))
        for seq in sorted(self._passed_by | self._missed):
            record = self._ledger.at(seq)
            was_there = seq in self._passed_by
            if record and record.is_for(self._name) and (was_there or record.sender):
                when = "live" if was_there else "from the history"
                self._ledger.fault(f"{self._name} did not get seq {seq} {when}: lost {record}")

    def _go_to(self, seq: int, passed_by: set[int], record: Record) -> None:
        self._ledger.note(seq, record)
        if not record.is_for(self._name):
            self._ledger.fault(f"{self._name} got what is not for it: {record}")
        if seq > self.last:
            passed_by.update(range(self.last + 1, seq))
            self.last = seq
        elif seq in self._passed_by or seq in self._missed:
            self._ledger.fault(f"{self._name} got seq {seq} after {self.last}: disordered {record}")
            self._passed_by.discard(seq)
            self._missed.discard(seq)
        else:
            self._ledger.fault(f"{self._name} got seq {seq} twice: doubled {record}")

    def _count(self, record: Record) -> None:
        if record.sender != self._name:
            self._ledger.deliveries += 1
        if record.number <= self._seen_at.get(record.sender, 0):
            before = self._seen_at[record.sender]
            self._ledger.fault(f"{self._name} got {record} after number {before}")
        self._seen_at[record.sender] = record.number
