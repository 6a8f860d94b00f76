"""The shape that every API fills in: tables of routes and actions, and a render of events.

An API is data. A handler is `async def leave(chat, caller, request) -> result`; it makes one
call to the core. A render turns a result or a core event into words of the wire.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from enum import Enum
from types import MappingProxyType
from typing import Annotated, Any, Generic, TypedDict, TypeVar, get_type_hints

from msgspec import Meta, Struct

from server.core.chat import Chat
from server.core.errors import AppError, Code
from server.core.events import ConnectionEvent, MessageSent, RoomEvent
from server.core.identity import User
from server.core.ids import ConnectionId, EventId, MessageId, RoomId, UserId
from server.core.kinds import Kind
from server.core.limits import Bounds
from server.core.ports import Backlog
from server.core.ports.files import ByteStream
from server.core.queued import QueuedEvent
from server.core.rooms import Actor
from server.core.user_events import UserEvent
from server.core.workspaces.events import WorkspaceEvent

NO_CONNECTION = ConnectionId("")

MAIN, CHAT = "/", "/chat"
"""The namespaces of Socket.IO that there are."""

NOTHING: Mapping[Any, Any] = MappingProxyType({})


class DisplayName(str):
    """The name that a person shows, or its ciphertext."""

    __slots__ = ()


class RoomName(str):
    """What a room, group or workspace is called; there is something of it to see."""

    __slots__ = ()


class FileName(str):
    """The name of a file, or its ciphertext."""

    __slots__ = ()


class GroupId(str):
    """Names a random group, as clients know it."""

    __slots__ = ()


class Key(str):
    """A secret that admits to a room."""

    __slots__ = ()


class Token(str):
    """A token by which somebody signs in."""

    __slots__ = ()


Time = (
    Annotated[int, Meta(ge=0, le=2**53 - 1)]
    | Annotated[datetime, Meta(extra_json_schema={"format": "date-time"})]
)
"""In requests: milliseconds, or ISO 8601; of UTC if it does not say."""

FoundCursor = Annotated[str, Meta(pattern=r"^[0-9]{1,18}\.[0-9]{1,18}\.[!-~]{1,128}$(?!\n)")]
"""In requests: a time, a sequence and a room, as a search before gave them."""

IsoTime = Annotated[
    str, Meta(extra_json_schema={"format": "date-time"}, examples=["2027-01-15T08:00:00.000Z"])
]
"""In answers: in UTC, with milliseconds and a `Z`."""

ShownUserId = Annotated[str | int, Meta(examples=["019a9d3e-7c1a-7b64-9d0e-1f2a3b4c5d6e"])]
"""In answers: a number if its user came with one."""


class Success(TypedDict):
    """What good answers begin with."""

    success: Annotated[bool, Meta(examples=[True])]


class Told(Success):
    """The same, and a sentence for people."""

    message: str


class Stream(Enum):
    """Which way the bytes of a file go by a route.

    UP comes as `Caller.body`, and the request is filled from the path alone. Of DOWN the render's
    body is a `Download`, and GET answers HEAD as well.
    """

    UP = "up"
    DOWN = "down"


class Access(Enum):
    """Who may call.

    USER is whoever shows a good token, OPERATOR a user who is one, or over HTTP whoever shows
    the operators' token. OPEN is everybody, signed in or not.
    """

    OPEN = "anybody"
    USER = "users"
    OPERATOR = "operators"


class Caller:
    """Who calls: made by the transport, once for a connection or an HTTP request.

    Attributes:
        connection_id: Of the live connection; `NO_CONNECTION` for an HTTP request.
        address: The real client address, for limits.
        memberships: The rooms that this connection is in, and as whom. The hub keeps it
            up to date, so that it holds after a removal or an expiry too.
        user: Whom a good token names; None without one. The hub keeps it up to date, too.
        has_run_out: There was a good token, and it has run out.
        behind: In how many rooms it has yet to be told what it has missed; kept by the hub.
        bearer, cookies: What an HTTP request shows besides, as proof of something.
        body: The file that an HTTP request sends; None of all other requests.
        repeated: The id of the message that the present request says once more, since the
            client may have had no answer; None of all other requests.
        wants_answer: The present event has an acknowledgement.
    """

    __slots__ = (
        "address",
        "bearer",
        "behind",
        "body",
        "connection_id",
        "cookies",
        "has_run_out",
        "memberships",
        "repeated",
        "user",
        "wants_answer",
    )

    def __init__(
        self,
        address: str,
        connection_id: ConnectionId = NO_CONNECTION,
        user: User | None = None,
        bearer: str | None = None,
        cookies: Mapping[str, str] = NOTHING,
        body: ByteStream | None = None,
    ) -> None:
        self.address = address
        self.connection_id = connection_id
        self.memberships: dict[RoomId, UserId] = {}
        self.user = user
        self.has_run_out = False
        self.bearer = bearer
        self.cookies = cookies
        self.body = body
        self.repeated: MessageId | None = None
        self.wants_answer = False
        self.behind = 0

    @property
    def answered_connection(self) -> ConnectionId:
        """The connection that knows from its acknowledgement what its present event has done.

        That of nobody, if it wants none: then it is told like all others.
        """
        return self.connection_id if self.wants_answer else NO_CONNECTION

    def signed_in(self) -> User:
        """The user that calls.

        Raises:
            AppError: UNAUTHENTICATED without a good token; TOKEN_EXPIRED if it was good.
        """
        if self.has_run_out:
            raise AppError(Code.TOKEN_EXPIRED, "the token has run out; show a newer one")
        if self.user is None:
            raise AppError(Code.UNAUTHENTICATED, "sign in with a token first")
        return self.user

    def account(self) -> User:
        """The user that calls, who has an account here.

        Raises:
            AppError: As `signed_in`; FORBIDDEN for guests, and for users of other systems.
        """
        user = self.signed_in()
        if not user.is_account:
            raise AppError(Code.FORBIDDEN, "that is for accounts of this server; sign up first")
        return user

    def check(self, access: Access) -> None:
        """Let the caller pass by its user.

        Raises:
            AppError: As `signed_in`; FORBIDDEN if only operators may.
        """
        if access is Access.OPEN:
            return
        if not self.signed_in().is_operator and access is Access.OPERATOR:
            raise AppError(Code.FORBIDDEN, "only operators may do that")

    def file(self) -> ByteStream:
        """The file that is sent.

        Raises:
            AppError: INVALID_REQUEST if there is none.
        """
        if self.body is None:
            raise AppError(Code.INVALID_REQUEST, "send a file as the body")
        return self.body

    def acting(self, room_id: RoomId, *claims: UserId | None) -> Actor:
        """This caller as a member of a room.

        Args:
            claims: Who the payload says it is from; each must be right or absent.

        Raises:
            AppError: NOT_A_MEMBER; FORBIDDEN if the claim is false.
        """
        user_id = self.memberships.get(room_id)
        if user_id is None:
            raise AppError(Code.NOT_A_MEMBER, "join first")
        if not {user_id, None}.issuperset(claims):
            raise AppError(Code.FORBIDDEN, "you are somebody else in this room")
        return Actor(room_id, user_id, self.connection_id)


class Emit(Struct, frozen=True, gc=False):
    """One event for some connections of a room.

    Attributes:
        name, data: As they go over the wire.
        users: Whose connections get it; None for everybody in the room.
    """

    name: str
    data: Any
    users: tuple[UserId, ...] | None = None


class Cookie(Struct, frozen=True):
    """Something for a browser to show again under one path; its pages never see it."""

    name: str
    value: str
    path: str
    max_age_s: int


Body = TypeVar("Body")


class Answer(Struct, Generic[Body], frozen=True, gc=False):
    """What the caller of an action gets: its acknowledgement, and events of its own."""

    ack: Body
    emits: tuple[tuple[str, Any], ...] = ()


class Response(Struct, Generic[Body], frozen=True):
    """What the caller of a route gets: a JSON body, and perhaps cookies.

    Attributes:
        status: None for the usual one of the route.
    """

    body: Body
    status: int | None = None
    cookies: tuple[Cookie, ...] = ()


def shape_of(render: Callable[..., Any]) -> Any:
    """The type of what a render makes, as its annotation says."""
    return get_type_hints(render, include_extras=True)["return"]


Handler = Callable[[Chat, Caller, Any], Awaitable[Any]]


class Action(Struct, frozen=True):
    """An event that clients may send.

    Attributes:
        request: The type that its payload must have.
        render: Its annotation says what is acknowledged, for the documentation.
        sent: The events that the caller gets back, for the documentation.
        access: Who may send it; checked before the payload is looked at.
        repeats: Of what sends messages: whether a request, which has no id, says just what
            that message of the same connection said.
        refusals: Why it may be refused, besides what holds for all actions.
        example: Fields of a payload, for the documentation.
        ends_recovery: After it a connection is not restored after a drop: it joins what is not
            kept. Its client joins again.
        if_field: It is for payloads that have one of these; another action of the same name is
            for the rest.
    """

    request: type[Struct]
    handler: Handler
    render: Callable[[Any, Any], Answer[Any]]
    summary: str
    sent: tuple[str, ...] = ()
    access: Access = Access.OPEN
    repeats: Callable[[Any, MessageSent], bool] | None = None
    refusals: tuple[Code, ...] = ()
    example: Mapping[str, Any] = NOTHING
    if_field: tuple[str, ...] = ()
    ends_recovery: bool = False


class Route(Struct, frozen=True):
    """An HTTP route.

    Attributes:
        request: Filled from the path and the JSON body; of a GET from the query instead, of a
            DELETE from either, since some clients send no body with one.
        render: Its annotation says what is answered, for the documentation.
        statuses: Of good answers, the usual one first.
        refusals: Why it may refuse, besides what holds for all routes.
        extra_body_bytes: That the body may have beyond what all may have.
        is_personal: An open one that does something for who calls, which must be seen then.
        secrets: Fields that a DELETE takes from its body alone: addresses get into logs.
        example: Fields of a request, for the documentation.
        if_query: It is for requests whose query has one of these; another route of the same
            path is for the rest.
        stream: Whether a file comes or goes by it.
    """

    method: str
    path: str
    request: type[Struct]
    handler: Handler
    render: Callable[[Any, Any], Response[Any]]
    summary: str
    access: Access = Access.OPEN
    statuses: tuple[int, ...] = (200,)
    refusals: tuple[Code, ...] = ()
    extra_body_bytes: Callable[[Bounds], int] | None = None
    is_personal: bool = False
    secrets: tuple[str, ...] = ()
    example: Mapping[str, Any] = NOTHING
    if_query: tuple[str, ...] = ()
    stream: Stream | None = None


Words = Mapping[str, Any]
"""A frame of a raw WebSocket, as it goes over the wire in JSON."""


class Frame(Struct, frozen=True):
    """A frame that clients of a raw WebSocket may send.

    Attributes:
        request: The type that its payload must have.
        render: Makes the frames that the caller gets back; its `ref` is added to each. Its
            annotation says which they are, for the documentation.
        refusals: Why it may be refused, besides what holds for all frames.
        acknowledges: Which event it lets go, whether it still waits or not. No frame waits for it.
        example: Fields of a payload, for the documentation.
    """

    request: type[Struct]
    handler: Handler
    render: Callable[[Any, Any], tuple[Words, ...]]
    summary: str
    refusals: tuple[Code, ...] = ()
    example: Mapping[str, Any] = NOTHING
    acknowledges: Callable[[Any], EventId] | None = None


class RawSocket(Struct, frozen=True, kw_only=True):
    """The raw WebSocket of an API, which speaks for one device of one user.

    Attributes:
        path: `/ws`, or `/ws/{user_id}`, where the token must be that user's.
        frames: From clients, by their type.
        events: What each event of a user is in this API's words; the annotations say so, too,
            for the documentation.
        backlog: Where what waits for a device is found; None if nothing is kept.
        queued: What an event in the queue of a user's device is in this API's words; None if
            queues are not told here.
        own: Types of events that the server itself queues, with the type of their metadata.
        wakes: Events of a user after which something may be in its queues.
        cookie: In which browsers may show a token; None for nowhere.
        standing: Finds what a device is told each time it connects, of what still holds.
        is_for_accounts: Users of other systems have nothing there.
        renewed: What is answered to a newer token; None if times are texts here.
    """

    path: str
    frames: Mapping[str, Frame]
    events: Mapping[type[UserEvent], Callable[[Any], Words]]
    backlog: Callable[[Chat], Backlog] | None = None
    queued: Callable[[UserId, QueuedEvent], Words] | None = None
    own: Mapping[str, Any] = NOTHING
    wakes: tuple[type[UserEvent], ...] = ()
    cookie: str | None = None
    standing: Callable[[Chat, User], Awaitable[tuple[UserEvent, ...]]] | None = None
    is_for_accounts: bool = False
    renewed: Callable[[Any, User], tuple[Words, ...]] | None = None


class Api(Struct, frozen=True):
    """One wire contract.

    Attributes:
        kind: The rooms of which it tells; None if it has none of its own.
        actions: Events from clients, by name.
        events: What each core event is in this API's words.
        heard: Events to clients, by name, with the type of their data, for the documentation.
        words: Where the contract has a word of its own for an error code.
        error_event: The event by which errors are told besides the acknowledgement, if any.
        unasked_event: The event by which they are told to who wants no acknowledgement, if any.
        connection_events: What each event of one connection is: a name and its data.
        socket: Its raw WebSocket, if it has one.
        told: What each event of a workspace is: a name and its data; told to the connections that
            have joined it.
        namespaces: Of Socket.IO, in which its actions are taken and its events are told.
    """

    name: str
    routes: tuple[Route, ...]
    actions: Mapping[str, Action]
    events: Mapping[type[RoomEvent], Callable[[Any], Iterable[Emit]]]
    heard: Mapping[str, Any]
    words: Mapping[Code, str]
    kind: Kind | None = None
    error_event: str | None = None
    unasked_event: str | None = None
    connection_events: Mapping[type[ConnectionEvent], Callable[[Any], tuple[str, Any]]] = NOTHING
    socket: RawSocket | None = None
    told: Mapping[type[WorkspaceEvent], Callable[[Chat, Any], tuple[str, Any]]] = NOTHING
    namespaces: tuple[str, ...] = (MAIN,)
