"""Who somebody is beyond one room: the user that a token names."""

import unicodedata

from msgspec import Struct

from server.core.ids import DeviceId, UserId, WorkspaceId

_CONTROL = {"Cc", "Cs", "Zl", "Zp"}
"""Control characters, halves of surrogate pairs, separators of lines and paragraphs."""


class User(Struct, frozen=True, kw_only=True):
    """Somebody who showed a good token.

    Attributes:
        user_id: A numeric one if the token has it as a number.
        login: The name that others see; nobody's alone.
        expires_ms: When the token runs out; None for never.
        is_guest: A pseudonym that we gave a token to, without an account.
        is_operator: May do what only operators may.
        device_id: Which of the devices of an account of ours it is; None of all others.
        family_id: Of an account of ours, the sign-in that the token follows from.
        issuer: Of users of other systems, whose published key has signed the token; empty where
            the shared secret has.
        workspace_ids: Which workspaces the token of another system says that it is in.
    """

    user_id: UserId
    login: str
    expires_ms: int | None
    is_guest: bool = False
    is_operator: bool = False
    device_id: DeviceId | None = None
    family_id: str | None = None
    issuer: str = ""
    workspace_ids: tuple[WorkspaceId, ...] = ()

    @property
    def is_account(self) -> bool:
        """Whether it is signed in to an account of ours; else it may have the id of one."""
        return self.family_id is not None

    def is_expired(self, now_ms: int) -> bool:
        return self.expires_ms is not None and self.expires_ms <= now_ms


_JOINERS = "\u200c\u200d"
"""Of letters, and of the parts of a picture."""

_UNSEEN = {"Cf", "Cc", "Cs", "Co", "Cn", "Zs", "Zl", "Zp", "Mn", "Me"}


def is_pseudonym(name: str) -> bool:
    """Whether everybody sees what it is: something visible, and nothing that turns or hides."""
    kinds = {unicodedata.category(c) for c in name if c not in _JOINERS}
    return is_one_line(name) and "Cf" not in kinds and not is_blank(name)


def is_blank(name: str) -> bool:
    """Whether nobody sees anything of it."""
    return all(unicodedata.category(c) in _UNSEEN for c in name)


def is_one_line(name: str) -> bool:
    """Whether a name can be shown: of any language, with joiners and odd spaces, no control."""
    return name.isprintable() or not any(unicodedata.category(c) in _CONTROL for c in name)
