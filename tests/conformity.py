"""Whether all that is said is as the documentation says: looked at in whatever test hears it."""

import functools
import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from aiohttp import web

from server.app import APIS
from server.core.errors import AppError, Code
from server.transports import vocabulary
from server.transports.api import Action, Api, Frame, Route, Stream, shape_of
from server.transports.decode import to_plain_json
from server.transports.errors import HTTP_STATUS, word
from server.transports.health import PROBES
from server.transports.openapi import answered, refusals_of
from server.transports.raw.sockets import RawSockets
from server.transports.socketio.chat_namespace import ChatNamespace
from server.transports.socketio.namespace import ApiNamespace

OF_UNKNOWN = ("unknown_event", "rate_limited")
"""Why an event is refused that does not exist."""


class Documented(NamedTuple):
    """What a route may answer."""

    shape: Any
    statuses: tuple[int, ...]
    refusals: set[tuple[int, str]]


class Conformity:
    """Looks at every answer of a server.

    Attributes:
        strange: What was answered and is not documented.
    """

    def __init__(self, apis: Sequence[Api]) -> None:
        self.strange: list[str] = []
        self._documented = _of_all() if apis is APIS else _documented(apis)
        self._apis = apis
        self._heard: dict[str, list[Any]] = defaultdict(list)
        for name, kind in itertools.chain(*(api.heard.items() for api in apis)):
            self._heard[name].append(kind)

        self._told = {
            (api.name, event): shape_of(render)
            for api in apis
            if api.socket
            for event, render in api.socket.events.items()
        }

    def watch(self, app: web.Application) -> None:
        """Look at all that is answered over HTTP from now on."""
        app.on_response_prepare.append(self._look)

    # --- Socket.IO ---

    def watch_events(self, namespace: ApiNamespace | ChatNamespace) -> None:
        """Look at all that is told and acknowledged from now on."""
        claims: dict[str, list[tuple[Api, Action]]] = defaultdict(list)
        for api in self._apis:
            for name, action in (
                api.actions.items() if namespace.namespace in api.namespaces else ()
            ):
                claims[name].append((api, action))
        book = namespace._hub if isinstance(namespace, ApiNamespace) else namespace._people
        encode, act = book._encode, namespace.act

        def look_and_encode(name: str, data: Any) -> Any:
            self._look_at(f"event {name}", self._heard[name], data)
            return encode(name, data)

        async def act_and_look(line: Any, data: Any) -> Any:
            reply = await act(line, data)
            self._look_at_ack(data[0], claims.get(data[0], ()), reply.ack)
            return reply

        book._encode = look_and_encode
        namespace.act = act_and_look  # type: ignore[method-assign]

    def _look_at_ack(self, name: str, claims: Sequence[tuple[Api, Action]], ack: Any) -> None:
        if not claims:
            if ack["error"] not in OF_UNKNOWN:
                self.strange.append(f"{name}, which does not exist, is answered {ack}")
            return
        if ack["success"] is True:
            shapes = [vocabulary.acknowledged(action) for _, action in claims]
            self._look_at(f"acknowledgement of {name}", shapes, ack)
            return
        self._look_at(f"refusal of {name}", [vocabulary.Refusal], ack)
        self._look_at_word(f"refusal of {name}", claims, ack["error"])

    # --- raw WebSockets ---

    def watch_frames(self, raw: RawSockets) -> None:
        """Look at all frames that go out from now on."""
        answer, frames_of = raw._answer, raw._hub._frames_of

        async def answer_and_look(line: Any, said: Any, known: Frame | None) -> Any:
            try:
                words = await answer(line, said, known)
            except AppError as error:
                if known and not said.problem:
                    self._look_at_word(
                        f"refusal of {said.name}",
                        [(line.api, known)],
                        word(error.code, line.api.words),
                    )
                raise
            assert known
            for one in words:
                self._look_at(f"answer to {said.name}", vocabulary.answered(known), one)
            return words

        def look_and_frame(api: Api, event: Any) -> Any:
            frames = frames_of(api, event)
            if frames:
                kinds = [self._told[api.name, type(event)]]
                self._look_at(type(event).__name__, kinds, msgspec.json.decode(_text_of(frames)))
            return frames

        pump = raw._hub._pump

        def pump_and_look(line: Any, render: Any) -> Any:
            def render_and_look(user_id: Any, event: Any) -> Any:
                words = render(user_id, event)
                self._look_at_queued(line.api.socket.own, shape_of(render), words)
                return words

            return pump(line, render_and_look)

        raw._hub._pump = pump_and_look  # type: ignore[method-assign]
        raw._answer = answer_and_look  # type: ignore[method-assign]
        raw._hub._frames_of = look_and_frame  # type: ignore[method-assign]

    def _look_at_queued(self, own: Mapping[str, Any], shape: Any, words: Any) -> None:
        kind = words["event_type"]
        self._look_at(kind, [shape], words)
        if words["sender_id"] is None:
            self._look_at(f"metadata of {kind}", [own[kind]], words["metadata"])

    # --- both ---

    def _look_at(self, what: str, kinds: Sequence[Any], said: Any) -> None:
        """See whether it is of one of these types."""
        complaints = [_strangeness(kind, said) for kind in kinds] or ["is not documented"]
        if None not in complaints:
            self.strange.append(f"{what}: {'; '.join(filter(None, complaints))}: {said!r}")

    def _look_at_word(
        self, what: str, claims: Sequence[tuple[Api, Action | Frame]], told: str
    ) -> None:
        """See whether one of those who may have refused it has this word for a reason."""
        words = {
            word(code, api.words)
            for api, said in claims
            for code in (
                vocabulary.refusals_of_action(said)
                if isinstance(said, Action)
                else vocabulary.refusals_of_frame(said)
            )
        }
        if told not in words:
            self.strange.append(f"{what}: {told} is not documented")

    # --- HTTP ---

    async def _look(self, request: web.Request, response: web.StreamResponse) -> None:
        resource = request.match_info.route.resource
        route = (request.method, resource.canonical if resource else "")
        chosen = (self._documented.get((*route, name)) for name in request.query)
        documented = next(filter(None, chosen), self._documented.get(route))
        if documented is None or not isinstance(response, web.Response):
            return
        assert isinstance(response.body, bytes)
        if complaint := _complaint(documented, response.status, response.body):
            self.strange.append(f"{' '.join(route)}: {complaint}")


@functools.cache
def _of_all() -> Mapping[tuple[str, ...], Documented]:
    """Once for all servers: to find it out takes as long as to start one."""
    return _documented(APIS)


def _documented(apis: Sequence[Api]) -> dict[tuple[str, ...], Documented]:
    """By method and path, and by what is in the query where that chooses."""
    documented: dict[tuple[str, ...], Documented] = {
        (route.method, route.path, *of_query): Documented(
            answered(route),
            route.statuses,
            _refusals(api, route),
        )
        for api, route in _plain_last(apis)
        for of_query in ((), *zip(route.if_query))
    }
    for probe in PROBES:
        refusals = {(int(HTTP_STATUS[code]), word(code)) for code in probe.refusals}
        documented["GET", probe.path] = Documented(probe.shape, (200,), refusals)
    return documented


def _refusals(api: Api, route: Route) -> set[tuple[int, str]]:
    found = {(int(HTTP_STATUS[code]), word(code, api.words)) for code in refusals_of(route)}
    if route.stream is Stream.DOWN:
        found.add((416, word(Code.INVALID_REQUEST)))
    return found


def _plain_last(apis: Sequence[Api]) -> Iterable[tuple[Api, Route]]:
    """All routes; of several on one path that one last which is for the rest of the queries."""
    routes = [(api, route) for api in apis for route in api.routes]
    return sorted(routes, key=lambda one: not one[1].if_query)


def _text_of(frame: bytes) -> bytes:
    """The payload of a WebSocket's frame from a server: RFC 6455, section 5.2."""
    more = {126: 2, 127: 8}.get(frame[1], 0)
    return frame[2 + more :]


def _strangeness(kind: Any, said: Any) -> str | None:
    """What is wrong with it, if anything."""
    body = to_plain_json(said)
    try:
        # Fields that the type does not have are left out of what is decoded.
        is_all = msgspec.json.decode(body, type=kind) == msgspec.json.decode(body)
    except msgspec.ValidationError as error:
        return str(error)
    return None if is_all else "says more than is documented"


def _complaint(documented: Documented, status: int, body: bytes) -> str | None:
    said = msgspec.json.decode(body)
    if status >= 400:
        refusal = (status, said["code"])
        return None if refusal in documented.refusals else f"answers {refusal}"
    if status not in documented.statuses:
        return f"answers {status}"
    try:
        # Fields that the type does not have are left out of what is decoded.
        is_all = msgspec.json.decode(body, type=documented.shape) == said
    except msgspec.ValidationError as error:
        return f"{error}: {body!r}"
    return None if is_all else f"says more than is documented: {body!r}"
