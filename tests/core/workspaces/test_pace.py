"""How often it is told that somebody is typing."""

from server.core.ids import RoomId, UserId, WorkspaceId
from server.core.workspaces import pace
from server.core.workspaces.events import PostTyping
from server.core.workspaces.pace import Pace


def typing(user_id: str, *, is_typing: bool = True) -> PostTyping:
    return PostTyping(
        workspace_id=WorkspaceId("acme"),
        room_id=RoomId("general"),
        user_id=UserId(user_id),
        is_typing=is_typing,
    )


def test_whoever_is_told_to_type_is_told_to_stop_however_many_do(monkeypatch):
    monkeypatch.setattr(pace, "MAX_PACED", 1)
    one = Pace()
    assert one.typing(typing("alice"), 0)
    assert one.typing(typing("bob"), 0)
    assert one.typing(typing("bob", is_typing=False), 1)
    assert one.typing(typing("alice", is_typing=False), 1)
    assert not one.typing(typing("bob", is_typing=False), 2)
