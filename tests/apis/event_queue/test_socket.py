"""The WebSocket: who may open it, what is told on it, and what is let go."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from server.transports.raw import pump
from tests.apis.event_queue.people import Line, Member, call, ids, renewed
from tests.apis.identity.conftest import SECRET, token_of
from tests.apis.session_relay.sessions import configured
from tests.servers import ADMIN_TOKEN

WINDOW = 256


async def send_many(sender: Member, to: Member, count: int, first: int = 1) -> None:
    """Events "1", "2" and so on, in order."""
    for number in range(first, first + count):
        status, answer = await sender.send(to, str(number))
        assert status == 201, answer


@asynccontextmanager
async def opened(http, path: str, **options) -> AsyncIterator[Line]:
    async with http.ws_connect(path, **options) as ws:
        yield Line(ws, path.partition("?")[0].rpartition("/")[2])


# --- the door ---


async def test_a_token_may_be_shown_in_three_ways(bob, http):
    path = f"/ws/{bob.user_id}"
    ways: list[tuple[str, dict[str, Any]]] = [
        (path, {"headers": {"Authorization": f"Bearer {bob.token}"}}),
        (path, {"protocols": ("bearer", bob.token)}),
        (f"{path}?token={bob.token}", {}),
    ]
    for asked, options in ways:
        async with opened(http, asked, **options) as line:
            assert await line.is_quiet(), options


@pytest.mark.parametrize("token", [None, "nonsense"])
async def test_whoever_shows_no_good_token_is_closed_with_4401(bob, http, token):
    query = f"?token={token}" if token else ""
    async with opened(http, f"/ws/{bob.user_id}{query}") as line:
        assert await line.close_code() == 4401


async def test_the_token_of_another_user_is_closed_with_4403(alice, bob, http):
    for user_id in (bob.user_id, "nobody"):
        async with opened(http, f"/ws/{user_id}?token={alice.token}") as line:
            assert await line.close_code() == 4403


async def test_guests_are_closed_with_4403(http):
    _, guest = await call(http, "POST", "/api/auth/guest", {})
    async with opened(http, f"/ws/{guest['user']['id']}?token={guest['token']}") as line:
        assert await line.close_code() == 4403


@configured(JWT_SECRET=SECRET)
async def test_users_of_other_systems_are_closed_with_4403(http):
    token = token_of("bob")
    async with opened(http, f"/ws/bob?token={token}") as line:
        assert await line.close_code() == 4403


# --- telling ---


async def test_all_that_waits_comes_in_order_and_then_what_comes(alice, bob, carol):
    await send_many(alice, bob, 3)
    async with bob.connected() as line:
        assert ids(await line.events(3)) == ["1", "2", "3"]
        await carol.send(bob, "4")
        await alice.send(bob, "5")
        events = await line.events(2)
        assert ids(events) == ["4", "5"]
        assert [one["sequence"] for one in line.heard] == [1, 2, 3, 4, 5]


async def test_an_event_of_one_node_reaches_whoever_is_connected_to_another(alice, bob, server):
    async with bob.connected(server.node_urls[-1]) as line:
        assert await line.is_quiet()
        for number, url in enumerate(server.node_urls):
            body = {"event_type": "A", "recipient_id": bob.user_id, "event_id": str(number)}
            assert (await alice.ask("POST", f"{url}/api/events", body))[0] == 201
            assert ids(await line.events(1)) == [str(number)]


async def test_what_was_not_acknowledged_comes_again_on_the_next_connection(alice, bob, server):
    await send_many(alice, bob, 4)
    async with bob.connected() as line:
        first = await line.events(4)
        await line.acknowledge("2")
    for url in server.node_urls:
        async with bob.connected(url) as line:
            assert await line.events(3) == [first[0], *first[2:]]
            assert await line.is_quiet()


async def test_what_comes_while_one_is_away_waits(alice, bob):
    async with bob.connected() as line:
        assert await line.is_quiet()
    await alice.send(bob, "1")
    async with bob.connected() as line:
        assert ids(await line.events(1)) == ["1"]
        assert (await line.acknowledge("1"))["removed"] is True
    await alice.send(bob, "2")
    async with bob.connected() as line:
        (event,) = await line.events(1)
        assert (event["event_id"], event["sequence"]) == ("2", 2)


# --- acknowledging ---


async def test_an_acknowledgement_of_what_is_not_there_does_nothing(alice, bob, carol):
    await alice.send(bob, "1")
    await alice.send(carol, "2")
    async with bob.connected() as line, carol.connected() as others:
        await line.events(1)
        for foreign_or_unknown in ("2", "nothing"):
            answer = await line.acknowledge(foreign_or_unknown)
            assert answer == {"type": "ack_ok", "ref": foreign_or_unknown, "removed": False}
        await others.events(1)
        assert (await others.acknowledge("1"))["removed"] is False
        first, late = await line.acknowledge("1"), await line.acknowledge("1")
        assert (first["removed"], late["removed"]) == (True, False)
    async with carol.connected() as line:
        assert ids(await line.events(1)) == ["2"]


async def test_an_acknowledgement_without_ref_is_not_answered(alice, bob):
    await send_many(alice, bob, 2)
    async with bob.connected() as line:
        await line.events(2)
        await line.say({"type": "ACK", "event_id": "1", "recipient_id": bob.user_id})
        await line.say({"type": "ACK", "event_id": "nothing"})
        assert await line.is_quiet()
        assert (await line.acknowledge("2"))["removed"] is True
        assert (await line.acknowledge("1"))["removed"] is False
    async with bob.connected() as line:
        assert await line.is_quiet()


async def test_an_acknowledgement_for_somebody_else_is_refused(alice, bob):
    await alice.send(bob, "1")
    async with bob.connected() as line:
        await line.events(1)
        refused = await line.acknowledge("1", recipient_id=alice.user_id)
        assert (refused["type"], refused["code"], refused["ref"]) == ("error", "forbidden", "1")
        assert (await line.acknowledge("1"))["removed"] is True


async def test_an_acknowledgement_may_come_before_its_event_was_told(alice, bob):
    await alice.send(bob, "1")
    async with bob.connected() as line:
        await line.say({"type": "ACK", "event_id": "1"})
        await alice.send(bob, "2")
        while "2" not in ids(line.heard):
            await line.events(1)
    async with bob.connected() as line:
        assert ids(await line.events(1)) == ["2"]


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"type": "ACK"}, "invalid_request"),
        ({"type": "ACK", "event_id": 7.5}, "invalid_request"),
        ({"type": "nonsense"}, "unknown_event"),
        ({}, "invalid_request"),
        ({"type": "auth", "token": "nonsense"}, "unauthenticated"),
    ],
    ids=str,
)
async def test_a_frame_that_is_none_is_answered_and_the_line_goes_on(bob, frame, code):
    async with bob.connected() as line:
        await line.say({**frame, "ref": 7})
        answer = await line.next()
        assert (answer["type"], answer["code"], answer["ref"]) == ("error", code, 7)
        assert await line.is_quiet()


async def test_a_ping_is_answered_with_its_ref_or_without(bob):
    async with bob.connected() as line:
        await line.say({"type": "ping"})
        assert await line.next() == {"type": "pong"}
        await line.say({"type": "ping", "ref": 7})
        assert await line.next() == {"type": "pong", "ref": 7}


# --- the window ---


@configured(RATE_LIMITS="off")
async def test_whoever_acknowledges_nothing_is_told_256_events_and_more_after_half(
    alice, bob, monkeypatch
):
    monkeypatch.setattr(pump, "LOOK_AGAIN_S", (600.0, 600.0))  # it is not why more comes
    await send_many(alice, bob, WINDOW + 44)
    async with bob.connected() as line:
        told = await line.events(WINDOW)
        assert await line.is_quiet()
        for one in told[: WINDOW // 2 - 1]:
            assert (await line.acknowledge(one["event_id"]))["removed"] is True
        assert await line.is_quiet()
        await line.say({"type": "ACK", "event_id": told[WINDOW // 2 - 1]["event_id"]})
        rest = await line.events(44)
        assert [one["sequence"] for one in line.heard] == list(range(1, WINDOW + 45))
        assert ids(rest)[-1] == str(WINDOW + 44)
        assert await line.is_quiet()


@pytest.fixture
def window(monkeypatch) -> int:
    """A small one: what happens when it is full does not hang on how many it holds."""
    monkeypatch.setattr(pump, "WINDOW", 16)
    monkeypatch.setattr(pump, "LOW_WATER", 8)
    return 16


@configured(RATE_LIMITS="off")
async def test_a_full_window_opens_when_another_connection_of_the_device_acknowledges(
    alice, bob, window
):
    await send_many(alice, bob, window + 1)
    async with bob.connected() as stuck, bob.connected() as other:
        await stuck.events(window)
        for one in await other.events(window):
            await other.say({"type": "ACK", "event_id": one["event_id"]})
        assert ids(await other.events(1)) == [str(window + 1)]
        assert ids(await stuck.events(1)) == [str(window + 1)]


@configured(CONNECTION_EVENTS_PER_MINUTE=80)  # twenty at once
async def test_an_acknowledgement_costs_nothing_if_an_event_was_told_and_else_it_does(
    alice, bob, clock
):
    async with bob.connected() as line:
        for first in range(1, 60, 15):
            await send_many(alice, bob, 15, first)
            clock.advance(minutes=1)
        for one in await line.events(60):
            assert (await line.acknowledge(one["event_id"]))["type"] == "ack_ok"
        answers = [await line.acknowledge("nothing") for _ in range(21)]
        assert [one.get("code") for one in answers] == [None] * 20 + ["rate_limited"]


@configured(RATE_LIMITS="off")
async def test_a_window_opens_by_acknowledgements_that_come_after_those_of_another_connection(
    alice, bob, monkeypatch, window
):
    monkeypatch.setattr(pump, "LOOK_AGAIN_S", (60.0, 60.0))
    await send_many(alice, bob, window + 1)
    async with bob.connected() as late, bob.connected() as other:
        told = await late.events(window)
        for one in await other.events(window):
            await other.acknowledge(one["event_id"])
        for one in told:
            await late.say({"type": "ACK", "event_id": one["event_id"]})
        assert ids(await late.events(1)) == [str(window + 1)]


# --- devices ---


async def test_each_device_has_a_queue_of_its_own(alice, join):
    bob = await join("bob", device_id="phone")
    laptop = await join("bob", device_id="laptop")
    assert bob.user_id == laptop.user_id
    async with bob.connected() as one, laptop.connected() as other:
        assert await one.is_quiet()
        assert await other.is_quiet()
        await alice.send(bob, "1")
        assert ids(await one.events(1)) == ids(await other.events(1)) == ["1"]
        assert (await one.acknowledge("1"))["removed"] is True
    async with laptop.connected() as other:
        assert ids(await other.events(1)) == ["1"]
    async with bob.connected() as one:
        assert await one.is_quiet()


async def test_two_connections_of_one_device_are_told_the_same_queue(alice, bob, server):
    async with (
        bob.connected(server.node_urls[0]) as one,
        bob.connected(server.node_urls[-1]) as other,
    ):
        assert await one.is_quiet()
        assert await other.is_quiet()
        await alice.send(bob, "1")
        assert await one.events(1) == await other.events(1)
        assert (await one.acknowledge("1"))["removed"] is True
        assert (await other.acknowledge("1"))["removed"] is False
    async with bob.connected() as line:
        assert await line.is_quiet()


# --- tokens ---


async def test_a_line_whose_token_runs_out_is_told_nothing_until_a_newer_one(
    alice, bob, http, later
):
    async with bob.connected() as line:
        assert await line.is_quiet()
        await later(minutes=15, seconds=1)
        told = await line.next()
        assert (told["type"], told["code"]) == ("error", "token_expired")
        await renewed(http, alice)
        await alice.send(bob, "1")
        for said in ({"type": "ping"}, {"type": "ACK", "event_id": "1"}):
            await line.say({**said, "ref": 1})
            refused = await line.next()
            assert (refused["type"], refused["code"]) == ("error", "token_expired")
        await renewed(http, bob)
        await line.say({"type": "auth", "token": bob.token, "ref": 2})
        answers = [await line.next(), await line.next()]
        (renewal,) = (one for one in answers if "event_id" not in one)
        assert (renewal["type"], renewal["ref"]) == ("auth_ok", 2)
        assert isinstance(renewal["expires_at"], int)
        assert ids(line.heard) == ["1"]


async def test_a_line_whose_token_is_not_renewed_within_a_minute_is_closed(bob, later):
    async with bob.connected() as line:
        assert await line.is_quiet()
        await later(minutes=15, seconds=1)
        await later(minutes=1, seconds=1)
        assert await line.close_code() == 4401


async def test_a_line_does_not_go_on_with_the_token_of_another(alice, bob, join):
    tablet = await join("bob", device_id="tablet")
    async with bob.connected() as line:
        for other in (alice, tablet):
            await line.say({"type": "auth", "token": other.token, "ref": 1})
            assert (await line.next())["code"] == "forbidden"
        assert await line.is_quiet()


async def test_signing_out_closes_the_lines_on_all_nodes(bob, server):
    async with (
        bob.connected(server.node_urls[0]) as one,
        bob.connected(server.node_urls[-1]) as other,
    ):
        for line in (one, other):
            assert await line.is_quiet()
        assert (await bob.ask("POST", "/api/auth/logout", {"all": True}))[0] == 200
        assert await one.close_code() == await other.close_code() == 4401


async def test_a_ban_closes_the_lines(bob, http):
    async with bob.connected() as line:
        assert await line.is_quiet()
        path = f"/api/admin/accounts/{bob.user_id}/ban"
        assert (await call(http, "POST", path, {}, ADMIN_TOKEN))[0] == 200
        assert await line.close_code() == 4401


async def test_a_revoked_device_is_closed_and_has_no_queue(alice, join, http):
    bob = await join("bob", device_id="phone")
    laptop = await join("bob", device_id="laptop")
    async with bob.connected() as one, laptop.connected() as other:
        assert await one.is_quiet()
        assert await other.is_quiet()
        assert (await laptop.ask("DELETE", "/api/auth/devices/phone"))[0] == 200
        assert await one.close_code() == 4401
        await alice.send(bob, "1")
        assert ids(await other.events(1)) == ["1"]
        await other.acknowledge("1")
    _, found = await call(http, "GET", "/api/admin/event-queues", token=ADMIN_TOKEN)
    assert found["waiting"] == 0


# --- expiry ---


async def test_what_is_too_old_has_a_place_that_says_so(alice, bob, http, later):
    await send_many(alice, bob, 2)
    await later(minutes=13 * 1440)
    await renewed(http, alice)
    await alice.send(bob, "3")
    await renewed(http, bob)
    async with bob.connected() as line:  # seen
        await line.events(3)
    await later(minutes=1440)
    await renewed(http, bob)
    async with bob.connected() as line:
        lost, kept = await line.events(2)
        assert (lost["event_type"], lost["sequence"]) == ("EVENTS_EXPIRED", 2)
        assert lost["metadata"] == {"from": 1, "to": 2, "reason": "expired"}
        assert (lost["sender_id"], lost["recipient_id"]) == (None, bob.user_id)
        assert (kept["event_id"], kept["sequence"]) == ("3", 3)
        assert (await line.acknowledge("1"))["removed"] is False
        assert (await line.acknowledge(lost["event_id"]))["removed"] is True
    async with bob.connected() as line:
        assert ids(await line.events(1)) == ["3"]


async def test_a_device_that_was_not_seen_for_14_days_is_told_what_it_lost(
    alice, bob, http, later, join
):
    laptop = await join("bob", device_id="laptop")
    async with bob.connected() as line:
        assert await line.is_quiet()
    await later(minutes=10 * 1440)
    await renewed(http, laptop)
    async with laptop.connected() as line:
        assert await line.is_quiet()
    await renewed(http, alice)
    await send_many(alice, bob, 3)
    await later(minutes=5 * 1440)
    await renewed(http, bob)
    async with bob.connected() as line:
        (lost,) = await line.events(1)
        assert lost["event_type"] == "EVENTS_EXPIRED"
        assert lost["metadata"] == {
            "from": 1,
            "to": lost["sequence"],
            "reason": "device_unseen",
        }
        await renewed(http, alice)
        assert (await alice.send(bob, "new"))[0] == 201
        (event,) = await line.events(1)
        assert event["sequence"] == lost["sequence"] + 1


# --- all at once ---


async def test_what_is_told_while_all_is_acknowledged_comes_once_and_in_order(alice, bob, carol):
    async def receive(line: Line) -> None:
        for _ in range(80):
            (event,) = await line.events(1)
            await line.say({"type": "ACK", "event_id": event["event_id"]})

    async with bob.connected() as line:
        await asyncio.gather(
            receive(line), send_many(alice, bob, 40), send_many(carol, bob, 40, first=101)
        )
        assert [one["sequence"] for one in line.heard] == list(range(1, 81))
        for sender, first in ((alice, 1), (carol, 101)):
            theirs = [one for one in line.heard if one["sender_id"] == sender.user_id]
            assert ids(theirs) == [str(number) for number in range(first, first + 40)]
        assert await line.is_quiet()
