"""The AsyncAPI document: all that goes over Socket.IO and raw WebSockets, made from the tables.

What clients may say is told by the request types, what they are told by the annotations of the
renders and by `Api.heard`, and why they may be refused by the actions and frames. As in all
documents of AsyncAPI 3, the server is who *receives* what clients ask.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from server.core.errors import Code
from server.core.limits import Bounds
from server.transports.api import (
    CHAT,
    MAIN,
    Access,
    Action,
    Api,
    Frame,
    RawSocket,
    shape_of,
)
from server.transports.errors import CLOSE_CODE, DETAILS, word
from server.transports.raw.said import MAX_REF_CHARS
from server.transports.raw.sockets import RENEW, renewal
from server.transports.schemas import Json, Schemas, choice_of
from server.transports.vocabulary import (
    UNASKED,
    Refusal,
    RefusalFrame,
    acknowledged,
    answered,
    name_of,
    refusals_of_action,
    refusals_of_frame,
    told,
    types_of,
)
from server.version import VERSION

ASYNCAPI_VERSION = "3.0.0"

SOCKETIO = "socketio"
"""The server of Socket.IO, and the channel of its main namespace."""

_DESCRIPTION = """\
The events and frames of all APIs that this server speaks; its HTTP routes are in `openapi.json`.
Fields that are not named are left out when a payload is read. Ciphertext and public keys are
opaque: relayed as they are, and never looked into.
"""

_OF_SOCKETIO = """\
The events of Socket.IO (protocol 5), on its namespace `{namespace}`, over WebSockets or long
polling. Each event of a client may ask for an acknowledgement, and whatever it is, it gets one; of
an event that does not exist `unknown_event`. An event has one payload. {recovery}

A token goes into the handshake, `auth: {{token}}`, or into the header `Authorization: Bearer` of
its request. Without one a connection speaks for nobody. With one that is not good it is refused
(CONNECT_ERROR, `{{message, data: {{code}}}}`).
"""

_RECOVERY = {
    MAIN: "What is told to a client that can come back after a drop has a text behind it: what "
    "Socket.IO calls the offset.",
    CHAT: "A connection that drops is not restored: the client joins again.",
}

_OF_RAW = """\
The WebSocket of {name}, with JSON objects in text frames. A frame has its fields beside its `type`,
as shown, or within `payload`; the answer repeats its `ref`, if it has one. Without a good token the
socket is closed at once. Close codes: {codes}.
"""

_HANDSHAKE = "handshakeToken"
_RAW_SCHEMES = ("bearer", "subprotocol", "query")

_SCHEMES: Json = {
    _HANDSHAKE: {
        "type": "apiKey",
        "in": "user",
        "description": "The access token, as `auth: {token}` of the Socket.IO handshake, or in the "
        "header `Authorization: Bearer` of its request",
    },
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The access token, in the header `Authorization`",
    },
    "subprotocol": {
        "type": "httpApiKey",
        "in": "header",
        "name": "Sec-WebSocket-Protocol",
        "description": "The access token as `bearer, <token>`, which browsers can send",
    },
    "query": {
        "type": "httpApiKey",
        "in": "query",
        "name": "token",
        "description": "The access token in the address, which gets into the logs of proxies",
    },
}

_REF_SCHEMA: Json = {
    "description": "By which the client knows the answer",
    "anyOf": [{"type": "string", "maxLength": MAX_REF_CHARS}, {"type": "integer"}],
}


async def _read_about(*_: object) -> None:
    """Stands where the line's own handler does: here nobody calls it."""


def document(apis: Sequence[Api], bounds: Bounds) -> Json:
    """The document of these APIs, as this installation bounds them."""
    schemas = Schemas(bounds)
    namespaces = {name for api in apis for name in api.namespaces if _says_something(api)}
    channels = [_socketio_channel(name, apis, schemas) for name in sorted({MAIN, *namespaces})]
    channels += [_raw_channel(api, api.socket, schemas) for api in apis if api.socket]
    return {
        "asyncapi": ASYNCAPI_VERSION,
        "info": {
            "title": "Hushwire",
            "version": VERSION,
            "description": _DESCRIPTION,
            "license": {"name": "MIT"},
            "tags": [{"name": api.name} for api in apis if _says_something(api)],
        },
        "defaultContentType": "application/json",
        "servers": {
            SOCKETIO: _server("/socket.io/", "Socket.IO 4, transports websocket and polling"),
            "raw": _server("/", "Plain WebSockets"),
        },
        "channels": {channel.id: channel.words for channel in channels},
        "operations": {
            name: words for channel in channels for name, words in channel.operations.items()
        },
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {**_SCHEMES, **_cookies(apis)},
        },
    }


def _says_something(api: Api) -> bool:
    return bool(api.actions or api.heard or api.socket)


# --- channels ---


class _Channel:
    """A channel while it is filled.

    Attributes:
        id: By which the document refers to it.
        words: As it stands in the document.
        operations: What is done on it, by name.
    """

    def __init__(self, channel_id: str, **words: Any) -> None:
        self.id = channel_id
        self._messages: Json = {}
        self.words: Json = {**words, "messages": self._messages}
        self.operations: Json = {}

    def message(self, key: str, name: str, payload: Json, **more: Any) -> Json:
        """Add a message; gives the reference to it."""
        self._messages[key] = {"name": name, "payload": payload, **more}
        return {"$ref": f"#/channels/{self.id}/messages/{key}"}

    def operate(self, key: str, action: str, messages: list[Json], **more: Any) -> None:
        self.operations[f"{self.id}.{key}"] = {
            "action": action,
            "channel": self._ref,
            "messages": messages,
            **more,
        }

    def reply(self, messages: list[Json]) -> Json:
        return {"channel": self._ref, "messages": messages}

    @property
    def _ref(self) -> Json:
        return {"$ref": f"#/channels/{self.id}"}


def socketio_channel(namespace: str) -> str:
    """The id of the channel of a namespace."""
    return f"{SOCKETIO}{namespace.replace('/', '-')}".rstrip("-")


def _socketio_channel(namespace: str, apis: Sequence[Api], schemas: Schemas) -> _Channel:
    channel = _Channel(
        socketio_channel(namespace),
        address=namespace,
        title="Socket.IO",
        description=_OF_SOCKETIO.format(namespace=namespace, recovery=_RECOVERY[namespace]),
        servers=[{"$ref": f"#/servers/{SOCKETIO}"}],
    )
    for api in apis:
        if namespace not in api.namespaces:
            continue
        for name, action in api.actions.items():
            _add_action(channel, api, name, action, schemas)
        for name, kind in api.heard.items():
            key = f"told.{_id(api.name)}.{name}"
            message = channel.message(key, name, schemas.of(kind))
            channel.operate(key, "send", [message], tags=[{"name": api.name}])
    return channel


def key_of(name: str, action: Action) -> str:
    """By which an event is told from others, of which some may have its name."""
    return ".".join((name, *action.if_field))


def _add_action(channel: _Channel, api: Api, name: str, action: Action, schemas: Schemas) -> None:
    key = key_of(name, action)
    ask = channel.message(
        f"asked.{key}", name, _request(action.request, schemas), **_examples(action.example)
    )
    ack = channel.message(
        f"acknowledged.{key}", "acknowledgement", schemas.of(acknowledged(action))
    )
    refusal = channel.message(
        f"refused.{key}",
        "acknowledgement",
        _refusal(schemas, Refusal, "error", refusals_of_action(action), api.words),
    )
    besides = ", ".join(f"`{one}`" for one in action.sent)
    chosen = " or ".join(f"`{field}`" for field in action.if_field)
    notes = [
        *([f"Of payloads with {chosen}."] if chosen else []),
        *([f"The caller is told, too: {besides}"] if besides else []),
    ]
    channel.operate(
        f"asked.{key}",
        "receive",
        [ask],
        summary=action.summary,
        **({"description": " ".join(notes)} if notes else {}),
        tags=[{"name": api.name}],
        **({} if action.access is Access.OPEN else {"security": _security(_HANDSHAKE)}),
        reply=channel.reply([ack, refusal]),
    )


def _raw_channel(api: Api, socket: RawSocket, schemas: Schemas) -> _Channel:
    names = re.findall(r"{(\w+)}", socket.path)
    channel = _Channel(
        _id(api.name),
        address=socket.path,
        title=f"The WebSocket of {api.name}",
        description=_OF_RAW.format(name=api.name, codes=_close_codes()),
        servers=[{"$ref": "#/servers/raw"}],
        **({"parameters": {name: _PARAMETERS[name] for name in names}} if names else {}),
        bindings={"ws": {"method": "GET", "query": _TOKEN_QUERY, "bindingVersion": "0.1.0"}},
    )
    for name, frame in {**socket.frames, RENEW: renewal(_read_about, socket)}.items():
        _add_frame(channel, api, name, frame, schemas)
    for kind in told(socket):
        key = f"told.{'.'.join(types_of(kind)) or kind.__name__}"
        message = channel.message(key, name_of(kind), schemas.of(kind))
        channel.operate(key, "send", [message], tags=[{"name": api.name}])
    _add_own_events(channel, api, socket, schemas)
    refusal = _refusal(schemas, RefusalFrame, "code", UNASKED, api.words)
    message = channel.message("told.error", "error", refusal)
    channel.operate(
        "told.error",
        "send",
        [message],
        summary="The token has run out",
        tags=[{"name": api.name}],
    )
    return channel


_PARAMETERS: Json = {"user_id": {"description": "The user whom the token names"}}
"""What stands in paths of raw WebSockets."""

_TOKEN_QUERY: Json = {
    "type": "object",
    "properties": {"token": {"type": "string", "description": "If it is in no header"}},
}


def _add_own_events(channel: _Channel, api: Api, socket: RawSocket, schemas: Schemas) -> None:
    if socket.queued is None:
        return
    event = schemas.of(shape_of(socket.queued))
    for name, metadata in socket.own.items():
        says = {"event_type": {"const": name}, "metadata": schemas.of(metadata)}
        message = channel.message(f"told.{name}", name, {"allOf": [event, {"properties": says}]})
        channel.operate(f"told.{name}", "send", [message], tags=[{"name": api.name}])


def _schemes_of(api: Api) -> tuple[str, ...]:
    has_cookie = api.socket is not None and api.socket.cookie is not None
    return (*_RAW_SCHEMES, _cookie_scheme(api)) if has_cookie else _RAW_SCHEMES


def _add_frame(channel: _Channel, api: Api, name: str, frame: Frame, schemas: Schemas) -> None:
    payload = _with_ref(_request(frame.request, schemas, {"type": {"const": name}}))
    example = {"type": name, **frame.example}
    ask = channel.message(f"asked.{name}", name, payload, **_examples(example))
    answers = [
        channel.message(
            f"answered.{'.'.join(types_of(kind)) or kind.__name__}",
            name_of(kind),
            _with_ref(schemas.of(kind)),
        )
        for kind in answered(frame)
    ]
    refusal = _refusal(schemas, RefusalFrame, "code", refusals_of_frame(frame), api.words)
    answers.append(channel.message(f"refused.{name}", "error", _with_ref(refusal)))
    channel.operate(
        f"asked.{name}",
        "receive",
        [ask],
        summary=frame.summary,
        tags=[{"name": api.name}],
        security=_security(*_schemes_of(api)),
        reply=channel.reply(answers),
    )


# --- parts ---


def _request(
    request: type[Struct], schemas: Schemas, first: Mapping[str, Json] | None = None
) -> Json:
    """The schema of a payload; with fields that every frame has."""
    first = first or {}
    fields, required = schemas.of_fields(request)
    schema: Json = {"type": "object", "properties": {**first, **fields}, **choice_of(request)}
    if first or required:
        schema["required"] = [*first, *sorted(required)]
    return schema


def _with_ref(schema: Json) -> Json:
    """A frame that may have a `ref`."""
    return {"allOf": [schema, {"properties": {"ref": _REF_SCHEMA}}]}


def _refusal(
    schemas: Schemas, kind: Any, field: str, codes: Collection[Code], words: Mapping[Code, str]
) -> Json:
    names = sorted(word(code, words) for code in codes)
    details = [schemas.of(DETAILS[code]) for code in DETAILS if code in codes]
    return {"allOf": [schemas.of(kind), *details, {"properties": {field: {"enum": names}}}]}


def _examples(payload: Mapping[str, Any]) -> Json:
    return {"examples": [{"payload": dict(payload)}]} if payload else {}


def _cookies(apis: Sequence[Api]) -> Json:
    """How browsers show a token to a raw WebSocket without a word of the page's."""
    return {
        _cookie_scheme(api): {
            "type": "httpApiKey",
            "in": "cookie",
            "name": api.socket.cookie,
            "description": "What signing in has set; with an allowed Origin, from browsers alone",
        }
        for api in apis
        if api.socket and api.socket.cookie
    }


def _cookie_scheme(api: Api) -> str:
    return f"cookie.{_id(api.name)}"


def _security(*names: str) -> list[Json]:
    return [{"$ref": f"#/components/securitySchemes/{name}"} for name in names]


def _server(pathname: str, description: str) -> Json:
    variables = {
        "host": {"description": "Of this server, as its page is reached", "default": "localhost"},
        "folder": {"description": "Where a proxy has put it, if anywhere", "default": ""},
    }
    return {
        "host": "{host}",
        "pathname": f"{{folder}}{pathname}",
        "protocol": "wss",
        "description": description,
        "variables": variables,
    }


def _close_codes() -> str:
    return ", ".join(f"{close} `{code.word}`" for code, close in _sorted(CLOSE_CODE))


def _sorted(codes: Mapping[Code, int]) -> Iterator[tuple[Code, int]]:
    yield from sorted(codes.items(), key=lambda one: one[1])


def _id(name: str) -> str:
    return name.replace(" ", "-")
