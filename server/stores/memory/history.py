"""The bounded history of one room, and the ids that make sending idempotent."""

from collections import deque

from msgspec import Struct, structs

from server.core.events import MessageSent
from server.core.ids import Identity, MessageId
from server.core.kinds import Policy
from server.core.opaque import Opaque
from server.stores.room_sizes import message_bytes

_NOTHING = Opaque("")


class Record(Struct, gc=False):
    """One message: whole while the history keeps it, then what still answers a retry.

    Attributes:
        sender: Who holds its id.
        weight_bytes: By `size_bytes`.
        is_trimmed: It is without its ciphertext.
    """

    event: MessageSent
    sender: Identity
    weight_bytes: int
    is_trimmed: bool = False

    def may_be_read_by(self, reader: Identity | None) -> bool:
        """Private messages only by their two identities."""
        identities = self.event.identities
        return identities is None or reader in identities


def size_bytes(event: MessageSent) -> int:
    words = (event.message_id, event.sender, event.addressed_as or "", event.content_type)
    return message_bytes(event.ciphertext, *words)


class History:
    """Messages in order of sequence; the oldest go when count or bytes exceed the policy.

    Attributes:
        held_bytes: The size of all messages kept.
        trimmed_seq: The newest sequence number that was trimmed away; 0 for none.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._records: dict[MessageId, Record] = {}  # of what is kept and what is trimmed
        self._kept: deque[Record] = deque()
        # The ids of trimmed messages still answer a retry, as many as the history is long.
        self._trimmed: deque[Record] = deque()
        self.held_bytes = 0
        self.trimmed_seq = 0

    def __len__(self) -> int:
        return len(self._kept)

    def record(self, message_id: MessageId) -> Record | None:
        return self._records.get(message_id)

    def has_word_of(self, sender: Identity, reader: Identity) -> bool:
        """Whether the reader can read a message of that sender here."""
        return any(
            record.sender == sender and record.may_be_read_by(reader) for record in self._kept
        )

    def leavers(self, weight_bytes: int) -> tuple[int, int]:
        """How many messages go when one of that weight comes, and their bytes in all."""
        too_many = len(self._kept) + 1 - self._policy.history_messages
        too_heavy = self.held_bytes + weight_bytes - self._policy.history_bytes
        count = freed_bytes = 0
        if too_many > 0 or too_heavy > 0:
            for record in self._kept:
                count += 1
                freed_bytes += record.weight_bytes
                if count >= too_many and freed_bytes >= too_heavy:
                    break
        return count, freed_bytes

    def append(self, record: Record, leavers: int) -> None:
        """Keep a new message, and let so many of the oldest go."""
        for _ in range(leavers):
            self._trim()
        self._kept.append(record)
        self._records[record.event.message_id] = record
        self.held_bytes += record.weight_bytes

    def read(self, after_seq: int, reader: Identity | None) -> tuple[MessageSent, ...]:
        """Messages after a place in the sequence; private ones only for their two identities."""
        found = []
        for record in reversed(self._kept):
            event = record.event
            if event.seq <= after_seq:
                break
            if record.may_be_read_by(reader):
                found.append(event)
        return tuple(reversed(found))

    def page(
        self, before_seq: int | None, limit: int, reader: Identity
    ) -> tuple[tuple[MessageSent, ...], bool]:
        """The newest messages before a place, oldest first, and whether there are older ones."""
        found: list[MessageSent] = []
        for record in reversed(self._kept):
            event = record.event
            is_before = before_seq is None or event.seq < before_seq
            if not (is_before and record.may_be_read_by(reader)):
                continue
            if len(found) == limit:
                return tuple(reversed(found)), True
            found.append(event)
        return tuple(reversed(found)), False

    def _trim(self) -> None:
        record = self._kept.popleft()
        self.held_bytes -= record.weight_bytes
        self.trimmed_seq = record.event.seq
        record.event = structs.replace(record.event, ciphertext=_NOTHING)
        record.is_trimmed = True
        self._trimmed.append(record)
        if len(self._trimmed) > self._policy.history_messages:
            del self._records[self._trimmed.popleft().event.message_id]
