"""Whoever asks whatever there is: each is answered by its rights, and a refusal changes nothing."""

import re
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from server.apis.workspaces import WORKSPACES
from server.transports.api import MAIN, Access, Route
from tests.apis.session_relay.sessions import configured
from tests.apis.workspaces.rights import (
    BY_EVENTS,
    EMITTED,
    IN_CONVERSATIONS,
    IN_WORKSPACES,
    NO,
    NONE,
    WHO,
    YES,
    Row,
)
from tests.apis.workspaces.scenes import COLUMNS, STAFF, Scene, expected
from tests.servers import RunningServer
from tests.transports.wire import Line, WebSocketLine

STATUSES = {NO: 403, NONE: 404, WHO: 404, "unauthenticated": 401}


def named(route: str) -> str:
    """A route, whatever stands in its path and query."""
    return re.sub(r"\{[^}]+\}", "{}", route.partition("?")[0])


ROUTES: dict[str, Route] = {
    named(f"{one.method} {one.path}"): one for one in WORKSPACES.routes if one.access is Access.USER
}


@pytest.fixture
async def scene(open_account, alice, acme, http) -> Scene:
    one = Scene(http, acme, alice)
    await one.gather(open_account)
    await one.begin()
    return one


@pytest.fixture
async def emitting(scene: Scene, server: RunningServer, namespace: str) -> AsyncIterator[Scene]:
    """All of them are connected, in one of the namespaces."""
    for caller in (*COLUMNS, "guest", "nobody"):
        line: Line = WebSocketLine(server.url)
        scene.lines[caller] = line
        line.prefix = "" if namespace == MAIN else f"{namespace},"
        token = scene.people[caller].token
        await line.open({"token": token} if token else None)
    yield scene
    for line in scene.lines.values():
        await line.leave()


def test_every_route_and_event_stands_in_the_matrix() -> None:
    rows = (*IN_CONVERSATIONS, *IN_WORKSPACES)
    assert {named(row.route) for row in rows} == ROUTES.keys()
    assert {row.route.split(" ")[1] for row in BY_EVENTS} == WORKSPACES.actions.keys()
    assert {row.name for row in IN_CONVERSATIONS} >= EMITTED.keys()
    assert all(len(row.answers) == max(COLUMNS.values()) + 1 for row in IN_CONVERSATIONS)
    assert all(len(row.answers) == max(STAFF.values()) + 1 for row in IN_WORKSPACES)


async def wrong_of(scene: Scene, rows: Sequence[Row], columns: dict[str, int]) -> list[Any]:
    """What is not as the rows say."""
    wrong: list[Any] = []
    before: list[Any] = []
    for row in rows:
        due = expected(row, columns)
        before = before or await scene.seen()
        wrong += [await told(scene, row, one, due) for one in due if due[one] != YES]
        if await scene.seen() != before:
            wrong.append((row.name, "a refusal changed something"))
        for caller in (one for one in due if due[one] == YES):
            wrong.append(await told(scene, row, caller, due))
            if not row.route.startswith("GET"):
                before = []
                if not row.is_lasting:
                    await scene.renew(has_moved=columns is STAFF)
    return [one for one in wrong if one]


async def told(scene: Scene, row: Row, caller: str, due: dict[str, str]) -> tuple[Any, ...]:
    """What a caller was answered, if it is not what is due."""
    status, answer = await scene.asked(row, caller)
    is_right = answer == due[caller] and status in statuses_of(row, answer)
    return () if is_right else (row.name, caller, status, answer)


def statuses_of(row: Row, answer: str) -> tuple[int, ...]:
    if row.route.startswith("EMIT"):
        return (0,)
    return ROUTES[named(row.route)].statuses if answer == YES else (STATUSES[answer],)


@configured(RATE_LIMITS="off")
async def test_in_conversations_each_may_what_its_role_says_and_no_more(scene):
    assert await wrong_of(scene, IN_CONVERSATIONS, COLUMNS) == []


@configured(RATE_LIMITS="off")
async def test_by_events_each_may_what_it_may_by_routes_and_no_more(emitting):
    assert await wrong_of(emitting, BY_EVENTS, COLUMNS) == []
    for caller in ("colleague", "boss"):
        assert emitting.lines[caller].events("message:new") == []
    for caller in ("stranger", "unclaimed", "guest", "nobody"):
        line = emitting.lines[caller]
        assert [one for one in WORKSPACES.heard if line.events(one)] == [], caller


@configured(RATE_LIMITS="off")
async def test_in_workspaces_each_may_what_its_role_says_and_no_more(scene):
    assert await wrong_of(scene, IN_WORKSPACES, STAFF) == []


@configured(RATE_LIMITS="off")
async def test_a_conversation_is_in_the_lists_of_its_members_and_of_nobody_else(scene):
    room, workspace = scene.ids["room"], scene.ids["workspace"]
    for caller in COLUMNS:
        who = scene.people[caller]
        _, listed = await who.ask("GET", "/chat/conversations")
        _, counted = await who.ask("GET", f"/chat/workspaces/{workspace}/unread-count")
        is_in = COLUMNS[caller] < 3
        assert (room in {one["id"] for one in listed["conversations"]}) is is_in, caller
        assert (room in counted.get("conversations", {})) is is_in, caller
