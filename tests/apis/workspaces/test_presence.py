"""Presence in workspaces: over HTTP, by events, and over connections that come and go."""

import pytest

from server.stores.sql.steps import run
from tests.apis.workspaces.listeners import caught_up
from tests.servers import until

GRACE_S = 3


async def shown(who, acme):
    """Everybody's status, by user id."""
    status, answer = await who.ask("GET", f"/chat/presence/{acme}")
    assert status == 200, answer
    return {one["userId"]: one["status"] for one in answer["presence"]}


@pytest.fixture
async def both(alice, bob, acme):
    """Bob is in the workspace, too."""
    await alice.adds(acme, bob)


@pytest.fixture
async def watcher(listen, alice, acme, both):
    """Alice, who has joined the workspace."""
    one = await listen(alice)
    await one.does("join_workspace", workspaceId=acme)
    return one


def statuses(watcher, who):
    """As what somebody was shown, in order."""
    told = watcher.all("presence_update")
    return [one["status"] for one in told if one["userId"] == who.user_id]


def joined(server):
    """How many connections have joined something."""
    return sum(len(node.chat.attendance.gathering.guests) for node in server.nodes)


async def test_what_one_says_over_http_is_shown_and_told(alice, bob, watcher, acme):
    body = {"status": "busy", "workspaceId": acme}
    status, answer = await bob.ask("PUT", "/chat/presence", body)
    assert status == 200
    presence = answer["presence"]
    assert presence == {
        "id": f"{acme}.{bob.user_id}",
        "userId": bob.user_id,
        "workspaceId": acme,
        "status": "busy",
        "lastSeen": presence["lastSeen"],
        "updatedAt": presence["updatedAt"],
    }
    assert await shown(alice, acme) == {alice.user_id: "online", bob.user_id: "busy"}
    await caught_up(watcher)
    assert statuses(watcher, bob)[-1] == "busy"


async def test_without_a_connection_it_is_shown_for_a_minute(alice, bob, watcher, acme, later):
    await bob.ask("PUT", "/chat/presence", {"status": "away", "workspaceId": acme})
    assert (await shown(alice, acme))[bob.user_id] == "away"
    await later(seconds=100)
    assert (await shown(alice, acme))[bob.user_id] == "offline"


async def test_who_joins_is_online_and_offline_a_while_after_its_last_connection(
    listen, server, alice, bob, watcher, acme, later
):
    tab, phone = await listen(bob), await listen(bob)
    for one in (tab, phone):
        await one.does("join_workspace", workspaceId=acme)
    await tab.leave()
    await until(lambda: joined(server) == 2)
    await later(seconds=GRACE_S + 1)
    assert (await shown(alice, acme))[bob.user_id] == "online"
    await phone.leave()
    await until(lambda: joined(server) == 1)
    await caught_up(watcher)
    assert statuses(watcher, bob) == ["online"]
    await later(seconds=GRACE_S + 1)
    await caught_up(watcher)
    assert statuses(watcher, bob) == ["online", "offline"]
    assert (await shown(alice, acme))[bob.user_id] == "offline"


async def test_who_is_back_in_time_was_never_offline_and_is_shown_as_it_chose(
    listen, server, alice, bob, watcher, acme, later
):
    tab = await listen(bob)
    await tab.does("join_workspace", workspaceId=acme)
    await tab.does("update_presence", status="busy", workspaceId=acme)
    await tab.vanish()
    await until(lambda: joined(server) == 1)
    await later(seconds=GRACE_S - 1)
    again = await listen(bob)
    await again.does("join_workspace", workspaceId=acme)
    await later(seconds=GRACE_S + 1)
    await caught_up(watcher)
    assert "offline" not in statuses(watcher, bob)
    assert (await shown(alice, acme))[bob.user_id] == "busy"


async def test_presence_is_of_one_workspace(listen, alice, bob, watcher, acme):
    elsewhere = await bob.makes_workspace("Elsewhere")
    tab = await listen(bob)
    await tab.does("join_workspace", workspaceId=elsewhere)
    await tab.does("update_presence", status="busy", workspaceId=elsewhere)
    await caught_up(watcher)
    assert statuses(watcher, bob) == []
    assert (await shown(alice, acme))[bob.user_id] == "offline"


async def test_of_a_workspace_that_one_is_not_in_nothing_is_shown_or_said(carol, acme):
    body = {"status": "busy", "workspaceId": acme}
    assert (await carol.ask("PUT", "/chat/presence", body))[0] == 404
    assert (await carol.ask("GET", f"/chat/presence/{acme}"))[0] == 404


@pytest.mark.parametrize("status", ["asleep", "", None, 7])
async def test_another_status_is_refused(alice, acme, status):
    body = {"status": status, "workspaceId": acme}
    assert (await alice.ask("PUT", "/chat/presence", body))[0] == 400


async def test_who_is_there_is_told_page_by_page(alice, bob, watcher, acme):
    path, seen = f"/chat/presence/{acme}?limit=1", []
    _, answer = await alice.ask("GET", path)
    seen += answer["presence"]
    _, answer = await alice.ask("GET", f"{path}&cursor={answer['nextCursor']}")
    seen += answer["presence"]
    assert [one["userId"] for one in seen] == sorted([alice.user_id, bob.user_id])
    assert answer["nextCursor"] is None


async def fill(server, acme, count):
    """Have so many more people in a workspace."""
    put = (
        "INSERT INTO workspace_members (workspace_id, user_id, role, source, joined_ms, status, "
        "status_ms, seen_ms) VALUES ($1, $2, 'member', 'here', 1, 'online', 1, 1)"
    )

    def steps():
        for number in range(count):
            yield from run(put, acme, f"z{number:04}")

    await server.nodes[0]._durable.database.write(steps)


async def test_whoever_joins_is_told_of_a_thousand_and_where_to_go_on(alice, listen, server, acme):
    """In the largest workspace all of them would take a process a good part of a second."""
    await fill(server, acme, 1_000)
    answer = await (await listen(alice)).does("join_workspace", workspaceId=acme)
    assert len(answer["presence"]) == 1_000
    _, rest = await alice.ask("GET", f"/chat/presence/{acme}?cursor={answer['nextCursor']}")
    assert [one["userId"] for one in rest["presence"]] == ["z0999"]
