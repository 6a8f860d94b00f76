"""An API in both namespaces, for what no other says: people whisper, and sing together."""

from typing import Any, TypedDict

from msgspec import Struct

from server.app import APIS
from server.core.chat import Chat
from server.core.errors import Code
from server.core.ids import RoomId, WorkspaceId
from server.core.opaque import Opaque
from server.core.workspaces.content import PostWish
from server.core.workspaces.events import PostStored
from server.transports.api import CHAT, MAIN, NOTHING, Access, Action, Answer, Api, Caller, Success


class Whisper(Struct, frozen=True):
    words: Opaque


class Type(Struct, frozen=True, rename="camel"):
    song_id: str


class Whispered(TypedDict):
    by: str | None
    words: Any


class Heard(Success):
    words: Any


async def _whisper(chat: Chat, caller: Caller, request: Whisper) -> str | None:
    return caller.user.user_id if caller.user else None


async def _type(chat: Chat, caller: Caller, request: Type) -> None:
    """Nobody is told."""


def _whispered(request: Whisper, by: str | None) -> Answer[Heard]:
    told: Whispered = {"by": by, "words": request.words}
    return Answer({"success": True, "words": request.words}, (("whispered", told),))


def _typed(request: Type, _: None) -> Answer[Success]:
    return Answer({"success": True})


class Look(Struct, frozen=True):
    """At what is in the shrine."""


class Shrine(Success):
    relic: Any


async def _look(chat: Chat, caller: Caller, request: Look) -> None:
    """It is always there."""


def _seen(request: Look, _: None) -> Answer[Shrine]:
    return Answer({"success": True, "relic": Opaque({"bone": b"\x00\x01"})})


class Enter(Struct, frozen=True, rename="camel"):
    workspace_id: str


class Entered(Success):
    rooms: list[str]


async def _enter(chat: Chat, caller: Caller, request: Enter) -> tuple[RoomId, ...]:
    user = caller.signed_in()
    workspace_id = WorkspaceId(request.workspace_id)
    return await chat.attendance.join_workspace(user, caller.connection_id, workspace_id)


def _entered(request: Enter, rooms: tuple[RoomId, ...]) -> Answer[Entered]:
    return Answer({"success": True, "rooms": list(rooms)})


class Sing(Struct, frozen=True, rename="camel"):
    room_id: RoomId
    words: str


async def _sing(chat: Chat, caller: Caller, request: Sing) -> None:
    wish = PostWish(room_id=request.room_id, content=request.words)
    await chat.posts.send(caller.signed_in(), wish, caller.connection_id)


def _sung(request: Sing, _: None) -> Answer[Success]:
    return Answer({"success": True})


class Song(TypedDict):
    by: str
    words: str | None


def _song(chat: Chat, event: PostStored) -> tuple[str, Song]:
    post = chat.posts.opened(event.post)
    return "song", {"by": event.post.message.sender, "words": post.content}


_OF_WORKSPACES = (Code.NOT_FOUND, Code.FORBIDDEN, Code.LIMIT_REACHED)

CHAPEL = Api(
    name="chapel",
    routes=(),
    actions={
        "whisper": Action(Whisper, _whisper, _whispered, "Whisper", sent=("whispered",)),
        "confess": Action(Whisper, _whisper, _whispered, "Confess", access=Access.USER),
        "typing_start": Action(Type, _type, _typed, "Type", if_field=("songId",)),
        "look": Action(Look, _look, _seen, "Look at what is in the shrine"),
        "enter": Action(
            Enter,
            _enter,
            _entered,
            "Join a workspace",
            access=Access.USER,
            refusals=_OF_WORKSPACES,
            ends_recovery=True,
        ),
        "sing": Action(
            Sing,
            _sing,
            _sung,
            "Sing in a conversation",
            access=Access.USER,
            refusals=_OF_WORKSPACES,
        ),
    },
    events=NOTHING,
    heard={"whispered": Whispered, "song": Song},
    told={PostStored: _song},
    words=NOTHING,
    namespaces=(MAIN, CHAT),
)

WITH_CHAPEL = (*APIS, CHAPEL)
