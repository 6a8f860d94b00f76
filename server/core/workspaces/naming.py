"""What conversations of workspaces are called: sealed like what is said there."""

from collections.abc import Callable

from msgspec import structs

from server.core.errors import AppError, Code
from server.core.ids import RoomId, WorkspaceId
from server.core.limits import Bounds
from server.core.ports.channels import Texts
from server.core.workspaces.values import Channel, WrappedKey
from server.core.workspaces.vault import Vault, of_room

TEXTS = ("name", "description", "icon")
"""What a conversation is called; it is sealed like what is said there."""


class Naming:
    """Seals what conversations are called, and opens it; asks no store."""

    def __init__(self, bounds: Bounds, vault: Vault) -> None:
        self._bounds = bounds
        self._vault = vault

    def opened(self, channel: Channel) -> Channel:
        """A conversation whose name, description and icon can be read: none where it is damaged.

        Raises:
            AppError: INTERNAL if the key of its workspace cannot be had.
        """
        texts = _texts(channel, lambda *box: self._vault.read(*box) or b"")
        return structs.replace(channel, conversation=structs.replace(channel.conversation, **texts))

    def texts_of(self, channel: Channel) -> dict[str, str]:
        """What it is called.

        Raises:
            AppError: INTERNAL if any of it is damaged.
        """
        return _texts(channel, self._vault.open)

    def sealed(
        self,
        key: WrappedKey | None,
        workspace_id: WorkspaceId,
        room_id: RoomId,
        texts: dict[str, str],
    ) -> Texts:
        if key is None:
            return Texts(**texts, key_version=None)
        boxes = {
            one: self._vault.seal(key, of_room(workspace_id, room_id, one), text.encode())
            if text
            else ""
            for one, text in texts.items()
        }
        return Texts(**boxes, key_version=key.version)

    def check(self, description: str, icon: str) -> None:
        bounds = self._bounds
        for what, text, limit in (
            ("a description", description, bounds.description_chars),
            ("an icon", icon, bounds.icon_chars),
        ):
            if len(text) > limit:
                raise AppError(Code.INVALID_REQUEST, f"{what} may have {limit} characters")


def _texts(channel: Channel, opened: Callable[[WrappedKey, bytes, str], bytes]) -> dict[str, str]:
    room, key = channel.conversation, channel.key
    texts = {one: getattr(room, one) for one in TEXTS}
    if key is None:
        return texts
    where = (key.workspace_id, room.room_id)
    return {
        one: opened(key, of_room(*where, one), box).decode() if box else ""
        for one, box in texts.items()
    }
