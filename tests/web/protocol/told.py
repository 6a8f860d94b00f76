"""What of an envelope both implementations are to say alike."""

from typing import Any

from scripts.demo_parts.protocol.envelopes import Envelope


def told_of(envelope: Envelope) -> dict[str, Any]:
    """What it says of itself in the clear, and its hash."""
    head = envelope.head
    return {
        "kind": head.kind,
        "epochId": head.tag.epoch_id,
        "recipients": head.tag.recipients,
        "number": head.number,
        "previous": head.previous,
        "sentMs": head.sent_ms,
        "keys": head.keys,
        "hash": envelope.hash,
    }
