"""What clients may ask of people."""

from typing import Annotated

from msgspec import Meta, Struct

from server.core.ids import DeviceId, UserId
from server.core.opaque import Opaque
from server.transports.api import Token

MAX_USERS = 100
"""Whose keys one request asks for."""


NO_KEYS = (None, "")

PublicKey = Annotated[Opaque, Meta(extra_json_schema={"not": {"enum": list(NO_KEYS)}})]


class Register(Struct, frozen=True):
    """Somebody for whom an issuer vouches."""

    id_token: Token
    public_key: PublicKey
    display_name: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    nonce: Annotated[str, Meta(max_length=512)] | None = None
    device_id: DeviceId | None = None
    device_name: Annotated[str, Meta(max_length=100)] = ""

    def __post_init__(self) -> None:
        # Others would be told that there is a key, and have none to encrypt to.
        if self.public_key.value in NO_KEYS:
            raise ValueError("Expected a key in public_key, and nothing empty")


class AskMyself(Struct, frozen=True):
    """Nothing is said."""


class AskKeys(Struct, frozen=True):
    user_ids: Annotated[tuple[UserId, ...], Meta(min_length=1, max_length=MAX_USERS)]


class SearchUsers(Struct, frozen=True):
    """The first letters of a name, or a whole e-mail address."""

    q: Annotated[str, Meta(min_length=1, max_length=254)]
