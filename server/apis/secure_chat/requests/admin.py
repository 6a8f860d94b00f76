"""What operators may ask about accounts."""

from typing import Annotated

from msgspec import Meta, Struct

from server.core.ids import DeviceId, UserId


class ListAccounts(Struct, frozen=True):
    """All of them, or the one of this name, e-mail address or id."""

    after: UserId | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    name: UserId | None = None


class OfAccount(Struct, frozen=True, rename="camel"):
    user_id: UserId


class RevokeDevices(Struct, frozen=True, rename="camel"):
    """One of an account, or all."""

    user_id: UserId
    device_id: DeviceId | None = None
