"""What must be true of a channel, whoever says and reads what when."""

from collections import Counter
from collections.abc import Collection

from msgspec import Struct, field

MOST_COUNTED = 1000
"""Unread messages of a conversation of which the server still tells how many they are."""

SHOWN_MISSING = 5


class Said(Struct, frozen=True):
    """A message that the server has.

    Attributes:
        number: Of all that were sent, in the order in which they were sent.
    """

    number: int
    message_id: str
    seq: int
    author: str


class Witness(Struct):
    """One member.

    Attributes:
        heard: Sequences of the messages of others, as they came.
        read_seq: Where it stands.
    """

    user_id: str
    heard: list[int] = field(default_factory=list)
    read_seq: int = 0


class Model:
    """All that members have said, heard and read, put together.

    Attributes:
        faults: In words, in the order in which they were found.
        counts: How often each thing was heard or done.
    """

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.counts: Counter[str] = Counter()
        self.said: dict[int, Said] = {}
        self._deleted: set[int] = set()
        self._witnesses: dict[str, Witness] = {}

    def witness(self, user_id: str) -> Witness:
        return self._witnesses.setdefault(user_id, Witness(user_id))

    def say(self, said: Said) -> None:
        """The server has told somebody that it has a message."""
        if self.said.setdefault(said.seq, said) != said:
            self.fault(f"two messages stand at {said.seq}")

    def hear(self, witness: Witness, seq: int, author: str) -> None:
        """Somebody was told of a message."""
        if author == witness.user_id:
            self.fault(f"{author} was told its own message {seq} on the connection that sent it")
        if witness.heard and seq <= witness.heard[-1]:
            self.fault(f"{witness.user_id} was told {seq} after {witness.heard[-1]}")
        witness.heard.append(seq)

    def read(self, witness: Witness, seq: int) -> None:
        """The server has noted how far somebody has read."""
        witness.read_seq = max(witness.read_seq, seq)

    def delete(self, seq: int) -> None:
        """The server has told somebody that a message is deleted."""
        self._deleted.add(seq)

    def unread(self, witness: Witness) -> int:
        """What the server must count for somebody, when nobody does anything any more."""
        left = sum(
            one.seq > witness.read_seq
            and one.author != witness.user_id
            and one.seq not in self._deleted
            for one in self.said.values()
        )
        return min(left, MOST_COUNTED)

    def has_all(self, witness: Witness) -> bool:
        """Whether somebody has been told of all messages of others so far."""
        return len(witness.heard) >= sum(
            one.author != witness.user_id for one in self.said.values()
        )

    def close(self) -> None:
        """Compare what everybody has heard with what was said."""
        if sorted(self.said) != list(range(1, len(self.said) + 1)):
            self.fault("the sequences of the channel have gaps")
        for witness in self._witnesses.values():
            due = {seq for seq, one in self.said.items() if one.author != witness.user_id}
            self._differ(witness.user_id, "was not told of", due - set(witness.heard))
            self._differ(witness.user_id, "was told of what nobody said", {*witness.heard} - due)

    def expect_unread(self, witness: Witness, told: int) -> None:
        """Compare an unread count of the server's."""
        self.counts["unread counts compared"] += 1
        if told != self.unread(witness):
            self.fault(f"{witness.user_id} has {self.unread(witness)} unread, and is told {told}")

    def fault(self, words: str) -> None:
        self.faults.append(words)

    def _differ(self, who: str, words: str, seqs: Collection[int]) -> None:
        if seqs:
            first = sorted(seqs)[:SHOWN_MISSING]
            self.fault(f"{who} {words}: {len(seqs)} messages, the first {first}")
