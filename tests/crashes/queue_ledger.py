"""What was sent into queues while a server crashes, and what each device has heard of it."""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator

from msgspec import Struct, field

UNHEARD = -1
"""The number of what a device has not heard, and of what is no event of ours."""


class Posted(Struct):
    """An event, as its sender knows it.

    Attributes:
        number: Of all events; those of one sender rise.
        refused: Who had no room for it.
        is_answered: The server has said that it is there.
    """

    number: int
    sender: int
    recipients: tuple[str, ...]
    refused: tuple[str, ...] = ()
    is_answered: bool = False

    @property
    def event_id(self) -> str:
        return f"event-{self.number}"

    @property
    def reached(self) -> tuple[str, ...]:
        """Whom it has come to, if it was answered."""
        return tuple(one for one in self.recipients if one not in self.refused)


class Hearing(Struct):
    """What one device has heard, over all its connections.

    Attributes:
        numbers: The events, by their sequences.
        open: Sequences that were heard, and of which the server was not told that yet.
        said: Those of which it was told that at any time: it may have let them go since.
        gone: Those that it has let go, as it says.
        last: The newest sequence of the connection of the moment.
    """

    device_id: str
    user_id: str
    numbers: "array[int]" = field(default_factory=lambda: array("q"))
    open: set[int] = field(default_factory=set)
    said: set[int] = field(default_factory=set)
    gone: set[int] = field(default_factory=set)
    last: int = 0

    def connect(self) -> None:
        self.last = 0

    def hear(self, seq: int, number: int) -> Iterator[str]:
        """Note an event. Yields what is wrong with it."""
        where = f"{self.device_id} heard {seq}"
        if seq <= self.last:
            yield f"{where} after {self.last} on one connection: disordered"
        if seq > max(self.last, len(self.numbers)) + 1:
            yield f"{where} after {max(self.last, len(self.numbers))}: lost"
        if any(self.last < one < seq for one in self.open):
            yield f"{where}, and something before it was not acknowledged: lost"
        if seq in self.gone:
            yield f"{where}, of which it had been told that it is gone: doubled"
        self.last = max(self.last, seq)
        self.numbers.extend([UNHEARD] * (seq - len(self.numbers)))
        if self.numbers[seq - 1] not in (UNHEARD, number):
            yield f"{where}, which had been another event"
        self.numbers[seq - 1] = number
        if seq not in self.said:
            self.open.add(seq)

    def acknowledge(self, seq: int) -> None:
        """Note that the server is told of an event."""
        self.open.discard(seq)
        self.said.add(seq)

    def let_go(self, seq: int) -> None:
        """Note that the server has answered that."""
        self.gone.add(seq)


class QueueLedger:
    """Of all events.

    Attributes:
        done: How often what happened, in words.
        faults: In words; none if the server kept its word.
        hearings: By device.
    """

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.faults: list[str] = []
        self.posted: list[Posted] = []
        self.hearings: dict[str, Hearing] = {}
        self.queues: Counter[str] = Counter()  # of each user
        self.due = 0  # places in queues, as answered
        self.heard = 0

    def begin(self, user_id: str, device_id: str) -> Hearing:
        """Note a device."""
        self.queues[user_id] += 1
        self.hearings[device_id] = Hearing(device_id, user_id)
        return self.hearings[device_id]

    def post(self, sender: int, recipients: tuple[str, ...]) -> Posted:
        """Note an event before it is sent for the first time."""
        self.posted.append(Posted(len(self.posted), sender, recipients))
        return self.posted[-1]

    def answer(self, posted: Posted, refused: Iterable[str]) -> None:
        posted.is_answered = True
        posted.refused = tuple(refused)
        self.due += sum(self.queues[one] for one in posted.reached)
        self.done["events sent"] += 1

    def hear(self, hearing: Hearing, seq: int, event_id: str) -> None:
        is_new = seq > len(hearing.numbers)
        self.faults += hearing.hear(seq, int(event_id.removeprefix("event-")))
        self.heard += is_new
        self.done["events heard" if is_new else "events heard again, not acknowledged before"] += 1

    # --- the verdict ---

    def judge(self) -> None:
        """See that all that was answered has come once and in order, and nothing else has."""
        found = [fault for one in self.hearings.values() for fault in self._judged(one)]
        self.faults += found
        for word in ("lost", "doubled", "disordered"):
            self.done[f"events {word}"] = sum(one.endswith(f" {word}") for one in self.faults)

    def _judged(self, hearing: Hearing) -> Iterator[str]:
        counts = Counter(hearing.numbers)
        name = hearing.device_id
        for number, count in counts.items():
            if number == UNHEARD or hearing.user_id not in self.posted[number].recipients:
                yield f"{name} heard event {number}, which was not for it"
            if count > 1:
                yield f"{name} has event {number} at {count} places: doubled"
        newest: dict[int, int] = {}
        for number in hearing.numbers:
            one = self.posted[number]
            if one.is_answered and newest.get(one.sender, UNHEARD) > number:
                yield f"{name} heard event {number} of {one.sender} after a later one: disordered"
            newest[one.sender] = max(newest.get(one.sender, UNHEARD), number)

    def missing(self) -> Iterator[str]:
        """What was answered and was not heard."""
        due: dict[str, set[int]] = {}
        for one in self.posted:
            for user_id in one.reached if one.is_answered else ():
                due.setdefault(user_id, set()).add(one.number)
        for hearing in self.hearings.values():
            for number in due.get(hearing.user_id, set()) - set(hearing.numbers):
                yield f"{hearing.device_id} has never heard event {number}: lost"
