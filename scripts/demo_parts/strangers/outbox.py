"""Own chains of keys, and messages: bytes to be sent, and what the relay made of them."""

from dataclasses import dataclass, field

from scripts.demo_parts.protocol.contents import Text, write_content
from scripts.demo_parts.protocol.envelopes import NO_HASH, new_message_id
from scripts.demo_parts.protocol.identity import Identity
from scripts.demo_parts.protocol.strangers.chains import ChainTag, KeyChain
from scripts.demo_parts.protocol.strangers.keys import write_keys
from scripts.demo_parts.protocol.strangers.messages import (
    Draft,
    StrangerEnvelope,
    write_stranger_message,
)
from scripts.demo_parts.strangers.epochs import Epochs
from scripts.demo_parts.strangers.people import People

SETTLE_MS = 300
ANSWERING_MS = 2_000

_KEPT_KEYS = 4


@dataclass
class Outbox:
    """What one member says: keys first, then messages, each settled before the next.

    Attributes:
        unsettled: A message of which nobody knows whether the relay has it.
    """

    place: bytes
    identity: Identity
    people: People
    epochs: Epochs
    unsettled: StrangerEnvelope | None = None
    _chain: KeyChain | None = None
    _recipients: frozenset[bytes] = frozenset()
    _are_keys_sent: bool = False
    _number: int = 0
    _previous: bytes = NO_HASH
    _sent_keys: dict[bytes, str] = field(default_factory=dict)
    _answers: dict[tuple[str, bytes], int] = field(default_factory=dict)

    @property
    def needs_keys(self) -> bool:
        """Whether new keys are to be sent before the next message."""
        chain = self._chain
        is_current = (
            chain is not None
            and self._are_keys_sent
            and (chain.tag.epoch, chain.tag.members) == (self.epochs.newest, self.epochs.members)
            and chain.is_for(self._number + 1)
            and self._recipients == self._recipients_now()
        )
        return not is_current

    @property
    def has_listeners(self) -> bool:
        return bool(self._recipients_now())

    def begin_chain(self) -> str | None:
        """Begin a chain of keys.

        Returns:
            What gives the keys to all who shall read; None if there is nobody.
        """
        first = self._number + 1
        tag = ChainTag(self.identity.member_id, self.epochs.newest, self.epochs.members, first)
        self._chain = KeyChain(self.place, tag)
        self._recipients = self._recipients_now()
        self._are_keys_sent = not self._recipients
        if self._are_keys_sent:
            return None
        boxes = [(card.member_id, card.box_key) for card in self.people.recipients()]
        keys = write_keys(self.identity, self._chain, self._previous, boxes)
        self._sent_keys[self._chain.chain_id] = keys
        if len(self._sent_keys) > _KEPT_KEYS:
            del self._sent_keys[next(iter(self._sent_keys))]
        return keys

    def keys_sent(self) -> None:
        """Note that the relay has the keys of the chain."""
        self._are_keys_sent = True

    def seal(self, text: str, now_ms: int) -> StrangerEnvelope:
        """Seal the next message, which is unsettled until `settle` or `drop`."""
        assert self._chain
        content = Text(text)
        draft = Draft(new_message_id(), content.kind, self._number + 1, self._previous, now_ms)
        sealed = write_stranger_message(self.identity, self._chain, draft, write_content(content))
        self.unsettled = sealed
        return sealed

    def settle(self, envelope: StrangerEnvelope) -> None:
        """Note that the relay has a message."""
        self.unsettled = None
        self._number, self._previous = envelope.head.draft.number, envelope.hash
        if self._chain:
            self._chain.forget(self._number)

    def drop(self) -> None:
        """Note that the relay has refused the message: its number is free."""
        self.unsettled = None

    def answer(self, user_id: str, chain_id: bytes, now_ms: int) -> str | None:
        """The keys that somebody has not got, once more; they open for nobody else."""
        keys, asked = self._sent_keys.get(chain_id), (user_id, chain_id)
        before_ms = self._answers.get(asked)
        if not keys or (before_ms is not None and now_ms - before_ms < ANSWERING_MS):
            return None
        self._answers[asked] = now_ms
        return keys

    def _recipients_now(self) -> frozenset[bytes]:
        return frozenset(card.member_id for card in self.people.recipients())
