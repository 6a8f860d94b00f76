"""What concerns people, wherever they are connected; every API renders it in its own words."""

from msgspec import Struct

from server.core.ids import ConnectionId, DeviceId, UserId


class UserEvent(Struct, frozen=True, kw_only=True, gc=False):
    """Something that some users hear of on each of their connections.

    It is of the moment: whoever is not connected does not hear of it.

    Attributes:
        users: Whom it is for.
        device_id: The one device of theirs that it is for; None for all.
        skip: The connection that caused it and need not hear of it.
    """

    users: tuple[UserId, ...]
    device_id: DeviceId | None = None
    skip: ConnectionId | None = None


class Mail(UserEvent, frozen=True, kw_only=True):
    """Something that a store keeps for them, until their devices have it.

    Attributes:
        stream: In which it has a place, such as the id of a room or of a queue.
        seq: Its place there. Whoever reads the store and finds this one finds all before it
            that is for the same device.
    """

    stream: str
    seq: int


class MailWithdrawn(UserEvent, frozen=True, kw_only=True):
    """What a store kept says nothing any more; whoever was not told of it need not be.

    Attributes:
        stream, seq: Its place, as that of `Mail`.
    """

    stream: str
    seq: int


class MailChanged(UserEvent, frozen=True, kw_only=True):
    """What a store keeps says something else; whoever reads it from now on finds that.

    Attributes:
        stream, seq: Its place, as that of `Mail`.
    """

    stream: str
    seq: int


class MailWaits(UserEvent, frozen=True, kw_only=True):
    """Something may wait for them in a store."""


class DeviceRevoked(UserEvent, frozen=True, kw_only=True):
    """A device of the user may do nothing any more: its connections end."""

    revoked: DeviceId

    def ends(self, device_id: DeviceId | None, family_id: str | None) -> bool:
        """Whether it ends what a token of that device and sign-in has opened."""
        return device_id == self.revoked


class SignInsEnded(UserEvent, frozen=True, kw_only=True):
    """Tokens of the user are good no more: the connections that they opened end.

    Attributes:
        of_device: Whose they are; None for those of all devices.
        family_id: Of the one sign-in that has ended; None for all of the device or account.
        kept_family_id: The sign-in that goes on nevertheless, if there is one.
    """

    of_device: DeviceId | None = None
    family_id: str | None = None
    kept_family_id: str | None = None

    def ends(self, device_id: DeviceId | None, family_id: str | None) -> bool:
        """Whether it ends what a token of that device and sign-in has opened."""
        if self.kept_family_id is not None and family_id == self.kept_family_id:
            return False
        is_of_device = self.of_device in (None, device_id)
        return is_of_device and self.family_id in (None, family_id)


class PrekeysLow(UserEvent, frozen=True, kw_only=True):
    """A device has few one-time prekeys left."""

    remaining: int


class PresenceChanged(UserEvent, frozen=True, kw_only=True):
    """A user is connected now, or no longer."""

    user_id: UserId
    is_online: bool
    at_ms: int


class IdentityChanged(UserEvent, frozen=True, kw_only=True):
    """The account of a user has another identity key: it begins anew, or is in other hands."""

    user_id: UserId
    at_ms: int
