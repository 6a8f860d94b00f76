"""Cards of strangers: the keys and the pseudonym that somebody claims."""

from dataclasses import dataclass
from functools import cached_property

from scripts.demo_parts.protocol.cards import check_keys, is_name
from scripts.demo_parts.protocol.identity import Identity, member_id_of
from scripts.demo_parts.protocol.packing import (
    from_text,
    pack,
    read_u64,
    to_text,
    u64,
    unpack,
    utf8,
)
from scripts.demo_parts.protocol.primitives import verify
from scripts.demo_parts.protocol.refusal import ForgedError, MalformedError

_LABEL = b"hushwire/1/strangers/card"
_USER_ID_BYTES = 256


@dataclass(frozen=True)
class StrangerCard:
    """What a stranger claims to be.

    Attributes:
        text: As the relay carries it.
    """

    user_id: str
    login: str
    sign_key: bytes
    box_key: bytes
    made_ms: int
    text: str

    @cached_property
    def member_id(self) -> bytes:
        return member_id_of(self.sign_key, self.box_key)


def write_stranger_card(identity: Identity, user_id: str, login: str, made_ms: int) -> str:
    """Make a card, for the relay's `publicKey`.

    Args:
        identity: Made for one group.

    Raises:
        ValueError: The login is no name.
    """
    if not is_name(login):
        raise ValueError(f"no name: {login!r}")
    keys = (identity.sign_key, identity.box_key)
    body = pack(_LABEL, user_id.encode(), login.encode(), *keys, u64(made_ms))
    return to_text(pack(body, identity.sign(body)))


def read_stranger_card(text: object, user_id: str) -> StrangerCard:
    """Read the card that the relay shows as that of a user.

    Raises:
        MalformedError: It is no card.
        ForgedError: It is another user's, or its keys are not to be used.
    """
    body, signature = unpack(from_text(text), 2)
    label, owner, login, sign_key, box_key, made = unpack(body, 6)
    if label != _LABEL:
        raise MalformedError("no card of a stranger")
    if len(owner) > _USER_ID_BYTES:
        raise MalformedError("a user id that is too long")
    card = StrangerCard(utf8(owner), utf8(login), sign_key, box_key, read_u64(made), str(text))
    if not is_name(card.login):
        raise MalformedError("a name that is none")
    if card.user_id != user_id:
        raise ForgedError("another user's card")
    check_keys(sign_key, box_key)
    verify(sign_key, body, signature)
    return card
