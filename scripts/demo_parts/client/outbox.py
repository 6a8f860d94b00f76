"""Messages that go: sealed for those who shall read them, and each tied to the one before."""

from typing import Any

from scripts.demo_parts.client.inbox import Inbox
from scripts.demo_parts.client.keyring import Keyring
from scripts.demo_parts.client.roster import Roster
from scripts.demo_parts.protocol.contents import Content, write_content
from scripts.demo_parts.protocol.envelopes import (
    NO_HASH,
    TYPE,
    Envelope,
    Head,
    new_message_id,
    write_envelope,
)
from scripts.demo_parts.protocol.identity import Identity
from scripts.demo_parts.protocol.link import Link
from scripts.demo_parts.protocol.packing import to_text
from scripts.demo_parts.protocol.signals import Newest

NOTHING = Newest(0, NO_HASH)


class Outbox:
    """The own chains.

    A number is used up when the relay has the message: `seal` the next one only after `settle`,
    or after the relay has refused the one before.

    Attributes:
        unsettled: What was sealed last, and may have reached the relay or not.
    """

    def __init__(
        self, link: Link, identity: Identity, roster: Roster, keyring: Keyring, inbox: Inbox
    ) -> None:
        self._link = link
        self._identity = identity
        self._roster = roster
        self._keyring = keyring
        self._inbox = inbox
        self._ends: dict[bytes, Newest] = {}
        self.unsettled: Envelope | None = None

    @property
    def audiences(self) -> list[bytes]:
        """To whom there is a chain."""
        return [*self._ends]

    def end(self, audience: bytes) -> Newest:
        """The newest message of a chain that the relay has."""
        return self._ends.get(audience, NOTHING)

    def seal(self, content: Content, audience: bytes, now_ms: int) -> Envelope:
        """Make the next message of a chain."""
        end = self.end(audience)
        cards = self._roster.recipients(audience)
        current = self._keyring.for_next(audience, cards, end.number + 1, now_ms)
        head = Head(
            self._link.session_id,
            new_message_id(),
            content.kind,
            current.epoch.tag,
            end.number + 1,
            end.hash,
            now_ms,
            current.keys,
        )
        self.unsettled = write_envelope(self._identity, current.epoch, head, write_content(content))
        return self.unsettled

    def settle(self, envelope: Envelope) -> None:
        """Note that the relay has it."""
        head = envelope.head
        self._ends[head.tag.audience] = Newest(head.number, envelope.hash)
        self._keyring.settle(head.tag.audience, head.tag.epoch_id)
        self._inbox.note_own(envelope)
        self.unsettled = None

    def drop(self) -> None:
        """Note that the relay has refused what was sealed last."""
        self.unsettled = None


def payload_of(envelope: Envelope) -> dict[str, Any]:
    """What the relay is sent."""
    audience = envelope.head.tag.audience
    return {
        "id": envelope.head.message_id,
        "to": to_text(audience) if audience else None,
        "type": TYPE,
        "encrypted": envelope.text,
    }
