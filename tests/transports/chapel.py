"""An API of its own in both namespaces, for what no other says: people whisper, and are counted."""

from typing import Any, TypedDict

from msgspec import Struct

from server.apis.identity import CHAT_IDENTITY
from server.app import APIS
from server.core.chat import Chat
from server.core.opaque import Opaque
from server.transports.api import CHAT, MAIN, NOTHING, Access, Action, Answer, Api, Caller, Success


class Whisper(Struct, frozen=True):
    words: Opaque


class Type(Struct, frozen=True, rename="camel"):
    conversation_id: str


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


CHAPEL = Api(
    name="chapel",
    routes=(),
    actions={
        "whisper": Action(Whisper, _whisper, _whispered, "Whisper", sent=("whispered",)),
        "confess": Action(Whisper, _whisper, _whispered, "Confess", access=Access.USER),
        "typing_start": Action(Type, _type, _typed, "Type", if_field=("conversationId",)),
    },
    events=NOTHING,
    heard={"whispered": Whispered},
    words=NOTHING,
    namespaces=(MAIN, CHAT),
)

WITH_CHAPEL = (*APIS, CHAPEL, CHAT_IDENTITY)
