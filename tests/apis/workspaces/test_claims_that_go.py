"""Users of other systems whose next token names a workspace no more, while they are connected."""

import pytest

from tests.apis.workspaces.people import Colleague
from tests.issuers import by_secret
from tests.servers import SECRET
from tests.transports.wire import Line, WebSocketLine


def token_of(name, **claims):
    return by_secret({"sub": name, **claims}, SECRET.encode())


@pytest.fixture
async def dave(http, alice, acme):
    """In Alice's workspace by his token alone."""
    one = Colleague(http, "dave", token_of("dave", workspaceId=acme))
    assert [each["id"] for each in await one.workspaces()] == [acme]
    return one


@pytest.fixture
async def line(server, dave, acme):
    """His, which has joined the workspace."""
    one: Line = WebSocketLine(server.node_urls[-1])
    one.prefix = "/chat,"
    await one.open({"token": dave.token})
    assert (await one.ask("join_workspace", {"workspaceId": acme}))["success"] is True
    yield one
    await one.leave()


@pytest.fixture
async def watcher(server, alice, acme):
    """Alice's, on the same node."""
    one: Line = WebSocketLine(server.node_urls[-1])
    one.prefix = "/chat,"
    await one.open({"token": alice.token})
    await one.ask("join_workspace", {"workspaceId": acme})
    yield one
    await one.leave()


async def heard_after(line, watcher, alice, room):
    """How many messages the line has heard once the watcher has heard one more of another."""
    await alice.says(room, "hello")
    await watcher.until(lambda: watcher.events("message:new"))
    await line.ask("leave_conversation", {"conversationId": "nowhere"})
    return len(line.events("message:new"))


async def test_who_renews_by_a_token_without_the_workspace_hears_of_it_no_more(
    alice, dave, acme, line, watcher, later
):
    room = (await alice.makes(acme, dave))["id"]
    await line.ask("join_conversation", {"conversationId": room})
    answer = await line.ask("auth-refresh", {"token": token_of("dave", workspaceId="another")})
    assert answer["success"] is True
    await later(seconds=1)
    assert await heard_after(line, watcher, alice, room) == 0


async def test_who_renews_by_a_token_with_the_workspace_hears_on(
    alice, dave, acme, line, watcher, later
):
    room = (await alice.makes(acme, dave))["id"]
    token = token_of("dave", workspaceIds=["another", acme])
    assert (await line.ask("auth-refresh", {"token": token}))["success"] is True
    await later(seconds=1)
    assert await heard_after(line, watcher, alice, room) == 1
