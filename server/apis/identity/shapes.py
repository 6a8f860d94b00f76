"""The shapes of what is answered about identity, for the type checker and the documentation."""

from typing import NotRequired, TypedDict

from server.transports.api import IsoTime, ShownUserId, Success


class Named(TypedDict):
    id: ShownUserId
    login: str


class KnownUser(Named):
    guest: bool


class Guest(Success):
    """A token that is good until `expiresAt`."""

    token: str
    expiresAt: IsoTime | None
    user: Named


class Refreshed(Success):
    """`expiresAt` is null for a token that never runs out."""

    expiresAt: IsoTime | None


class AuthExpired(TypedDict):
    expiredAt: IsoTime


class OwnAccount(TypedDict):
    userId: str
    username: str
    email: str
    displayName: str
    deviceId: str | None
    createdAt: IsoTime
    passwordChangeRequired: bool


class Me(Success):
    """With `data` if the user has an account here."""

    user: KnownUser
    expiresAt: IsoTime | None
    data: NotRequired[OwnAccount]
