"""What clients may ask about accounts."""

from typing import Annotated, ClassVar

from msgspec import Meta, Struct, field

from server.core.ids import DeviceId, UserId
from server.core.one_of import OneOf
from server.core.passwords import MAX_CHARS, MIN_CHARS
from server.transports.api import Caller, DisplayName, Token

REGISTRATION_COOKIE = "hushwire-registration"

REGISTRATION_PATH = "/api/keys/register"
"""The only one to which browsers send that cookie."""

Name = Annotated[str, Meta(min_length=1, max_length=254)]
NewPassword = Annotated[str, Meta(min_length=MIN_CHARS, max_length=MAX_CHARS)]
Password = Annotated[str, Meta(min_length=1, max_length=MAX_CHARS)]


class Nothing(Struct, frozen=True):
    """A request without fields."""


class SignUp(Struct, frozen=True, rename="camel"):
    username: Name
    email: Name
    password: NewPassword
    display_name: DisplayName | None = None


class LogIn(Struct, frozen=True, rename="camel"):
    """Either of name and address will do."""

    password: Password
    email: Name | None = None
    username: Name | None = None
    device_id: DeviceId | None = None
    device_name: DisplayName | None = None
    device_type: DisplayName | None = None


class Refresh(OneOf, frozen=True):
    """By one of two names: the event queue answers `refresh_token`."""

    ONE_OF: ClassVar = ("camel", "snake")

    camel: Token | None = field(default=None, name="refreshToken")
    snake: Token | None = field(default=None, name="refresh_token")

    @property
    def token(self) -> str:
        return self.camel or self.snake or ""


class LogOut(Struct, frozen=True, rename="camel"):
    refresh_token: Token | None = None
    all: bool = False


class ChangePassword(Struct, frozen=True, rename="camel"):
    new_password: NewPassword
    current_password: Password | None = None


class DeleteAccount(OneOf, frozen=True, rename="camel"):
    """And what proves that its owner wants it."""

    ONE_OF: ClassVar = ("password", "id_token")

    password: Password | None = None
    id_token: Token | None = None


class OfDevice(Struct, frozen=True, rename="camel"):
    device_id: DeviceId


class OfUser(Struct, frozen=True, rename="camel"):
    user_id: UserId


def registration_proof(caller: Caller, given: str | None) -> str | None:
    """What proves that a device was just logged in: a field, the Bearer, or the cookie."""
    return given or caller.bearer or caller.cookies.get(REGISTRATION_COOKIE)
