"""The link: what one person hands to another, outside of the relay, and what is made of it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from scripts.demo_parts.protocol.packing import from_text, to_text
from scripts.demo_parts.protocol.primitives import KEY_BYTES, derive, digest, is_same, random
from scripts.demo_parts.protocol.refusal import LinkError, MalformedError

VERSION = 1
SHARED_HISTORY = 1
"""The one flag there is."""

SESSION_ID_BYTES = 16
MEMBER_ID_BYTES = 24

_CHECK_BYTES = 4
_SECRET_AT = 2 + SESSION_ID_BYTES
_CREATOR_AT = _SECRET_AT + KEY_BYTES
_SIZE_BYTES = _CREATOR_AT + MEMBER_ID_BYTES + _CHECK_BYTES


class Bond(Protocol):
    """What keys and messages are bound to: the link of a session, or a channel."""

    @property
    def session_id(self) -> bytes: ...

    @property
    def link_key(self) -> bytes: ...


@dataclass(frozen=True)
class Link:
    """A session, and the secret of all who were invited to it.

    Attributes:
        creator: The member id of who made the session.
        has_shared_history: Whether newcomers may be given older keys.
    """

    session_id: bytes
    secret: bytes
    creator: bytes
    has_shared_history: bool = False

    @property
    def relay_session_id(self) -> str:
        return to_text(self.session_id)

    @cached_property
    def auth_key(self) -> bytes:
        """What the relay asks of who joins; it tells nothing of the secret."""
        return self._derive("auth")

    @cached_property
    def link_key(self) -> bytes:
        """What the relay never has."""
        return self._derive("link")

    @property
    def fragment(self) -> str:
        """The link behind its `#`."""
        body = bytes([VERSION]) + self._flags + self.session_id + self.secret + self.creator
        return to_text(body + _check(body))

    @property
    def _flags(self) -> bytes:
        return bytes([SHARED_HISTORY if self.has_shared_history else 0])

    def _derive(self, label: str) -> bytes:
        return derive(self.secret, self.session_id, label, self._flags, self.creator)


def new_link(creator: bytes, has_shared_history: bool = False) -> Link:
    return Link(random(SESSION_ID_BYTES), random(KEY_BYTES), creator, has_shared_history)


def read_link(text: str) -> Link:
    """Read a link, or its fragment alone.

    Raises:
        LinkError: none: it is something else; incomplete: it was cut or mistyped; newer:
            a later version made it.
    """
    data = _bytes_of(text.partition("#")[2] if "#" in text else text)
    version, flags = data[:2]
    if version > VERSION:
        raise LinkError("newer", "a newer version made the link; update this client")
    body, check = data[:-_CHECK_BYTES], data[-_CHECK_BYTES:]
    if len(data) != _SIZE_BYTES or version != VERSION or not is_same(check, _check(body)):
        raise LinkError("incomplete", "the link was cut or mistyped")
    if flags & ~SHARED_HISTORY:
        raise LinkError("newer", "a newer version made the link; update this client")
    secret, creator = body[_SECRET_AT:_CREATOR_AT], body[_CREATOR_AT:]
    return Link(body[2:_SECRET_AT], secret, creator, flags == SHARED_HISTORY)


def _bytes_of(fragment: str) -> bytes:
    try:
        data = from_text(fragment.strip())
    except MalformedError:
        data = b""
    if len(data) < 2:
        raise LinkError("none", "this is no link to a session")
    return data


def _check(body: bytes) -> bytes:
    return digest(body)[:_CHECK_BYTES]
