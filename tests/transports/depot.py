"""An API of its own, for what no other says yet: files that are kept in memory."""

from collections.abc import AsyncGenerator
from typing import TypedDict

from msgspec import Struct

from server.app import APIS
from server.core.chat import Chat
from server.core.errors import AppError, Code
from server.core.ports.files import Download
from server.transports.api import NOTHING, Access, Api, Caller, Response, Route, Stream

CONTENT = bytes(range(256)) * 1200


class Named(Struct, frozen=True):
    name: str


class Kept(TypedDict):
    success: bool
    name: str | None
    type: str | None
    size: int
    said: int | None


class Depot:
    """What was sent, by the name in the path.

    Attributes:
        files: The bytes of each.
        called: What each is called for those who fetch it.
        breaks_at: Where reading fails.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {"file": CONTENT, "nothing": b""}
        self.called: dict[str, str | None] = {}
        self.breaks_at: int | None = None

    async def keep(self, chat: Chat, caller: Caller, request: Named) -> Kept:
        file = caller.file()
        content = b"".join([chunk async for chunk in file.chunks])
        self.files[request.name] = content
        self.called[request.name] = file.name
        return {
            "success": True,
            "name": file.name,
            "type": file.media_type,
            "size": len(content),
            "said": file.size_bytes,
        }

    async def find(self, chat: Chat, caller: Caller, request: Named) -> Download:
        if request.name not in self.files:
            raise AppError(Code.NOT_FOUND, "there is no such file")
        content = self.files[request.name]

        async def chunks(start: int, end: int) -> AsyncGenerator[bytes, None]:
            for place in range(start, end, 10_000):
                if self.breaks_at is not None and place >= self.breaks_at:
                    raise AppError(Code.UNAVAILABLE, "the bucket is away")
                yield content[place : min(end, place + 10_000)]

        return Download(request.name, len(content), self.called.get(request.name, "a.txt"), chunks)

    @property
    def apis(self) -> tuple[Api, ...]:
        """Those of the server, and this one."""
        path = "/depot/{name}"
        keep = Route("POST", path, Named, self.keep, _kept, "Keep", Access.USER, stream=Stream.UP)
        find = Route(
            "GET",
            path,
            Named,
            self.find,
            _found,
            "Fetch",
            Access.USER,
            refusals=(Code.NOT_FOUND,),
            stream=Stream.DOWN,
        )
        api = Api("depot", (keep, find), NOTHING, NOTHING, heard=NOTHING, words=NOTHING)
        return (*APIS, api)


def _kept(request: Named, kept: Kept) -> Response[Kept]:
    return Response(kept)


def _found(request: Named, file: Download) -> Response[Download]:
    return Response(file)
