"""The bounded history of one room, and the ids that make sending idempotent."""

from collections import OrderedDict, deque

from msgspec import Struct, structs

from server.core.events import MessageSent
from server.core.ids import Identity, MessageId
from server.core.kinds import Policy
from server.core.opaque import Opaque

_RECORD_BYTES = 1024
"""Python's own records of one message, measured, so that empty messages count as well."""


class Receipt(Struct, frozen=True):
    """What became of a message id: who holds it, and the message unless it was trimmed."""

    sender: Identity
    event: MessageSent
    is_trimmed: bool = False


def size_bytes(event: MessageSent) -> int:
    """What a message weighs in memory, with the receipt that stays when it is trimmed.

    The receipt is paid ahead, so that a room with a full history needs no more space.
    """
    words_bytes = (
        _utf8_bytes(event.message_id)
        + _utf8_bytes(event.sender)
        + _utf8_bytes(event.addressed_as or "")
        + _utf8_bytes(event.content_type)
    )
    return event.ciphertext.size_bytes + 2 * (words_bytes + _RECORD_BYTES)


def _utf8_bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


class History:
    """Messages in order of sequence; the oldest go when count or bytes exceed the policy.

    Attributes:
        held_bytes: The size of all messages kept.
        trimmed_seq: The newest sequence number that was trimmed away; 0 for none.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._messages: deque[tuple[MessageSent, Identity, int]] = deque()  # with what it weighs
        self._receipts: dict[MessageId, Receipt] = {}
        # The ids of trimmed messages still answer a retry, as many as the history is long.
        self._trimmed: OrderedDict[MessageId, None] = OrderedDict()
        self.held_bytes = 0
        self.trimmed_seq = 0

    def __len__(self) -> int:
        return len(self._messages)

    def receipt(self, message_id: MessageId) -> Receipt | None:
        return self._receipts.get(message_id)

    def growth_bytes(self, added_bytes: int) -> int:
        """By how much the history would grow, after trimming for a message of that size."""
        count, held = len(self._messages) + 1, self.held_bytes + added_bytes
        for _, _, weight in self._messages:
            if self._fits(count, held):
                break
            count, held = count - 1, held - weight
        return held - self.held_bytes

    def append(self, event: MessageSent, sender: Identity, weight: int) -> None:
        self._messages.append((event, sender, weight))
        self._receipts[event.message_id] = Receipt(sender, event)
        self.held_bytes += weight
        while len(self._messages) > 1 and not self._fits(len(self._messages), self.held_bytes):
            self._trim()

    def read(self, after_seq: int, reader: Identity | None) -> tuple[MessageSent, ...]:
        """Messages after a place in the sequence; private ones only for their two identities."""
        found = []
        for event, _, _ in reversed(self._messages):
            if event.seq <= after_seq:
                break
            if event.identities is None or reader in event.identities:
                found.append(event)
        return tuple(reversed(found))

    def _fits(self, count: int, held_bytes: int) -> bool:
        return count <= self._policy.history_messages and held_bytes <= self._policy.history_bytes

    def _trim(self) -> None:
        event, sender, weight = self._messages.popleft()
        self.held_bytes -= weight
        self.trimmed_seq = event.seq
        self._receipts[event.message_id] = Receipt(sender, _without_ciphertext(event), True)
        self._trimmed[event.message_id] = None
        if len(self._trimmed) > self._policy.history_messages:
            forgotten, _ = self._trimmed.popitem(last=False)
            del self._receipts[forgotten]


def _without_ciphertext(event: MessageSent) -> MessageSent:
    return structs.replace(event, ciphertext=Opaque(""))
