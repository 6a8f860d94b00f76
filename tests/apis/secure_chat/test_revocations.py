"""Connections end with the sign-in that opened them: of both kinds, and on all nodes."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from server.core.ids import DeviceId, UserId
from server.core.revocations import LOOK_INTERVAL_MS
from server.core.user_events import MailWaits
from server.stores.redis.live import RedisLive
from tests.apis.secure_chat.people import PASSWORD, OpenAccount, Person, call
from tests.apis.session_relay.sessions import configured
from tests.issuers import by_secret
from tests.servers import ADMIN_TOKEN, SECRET, RunningServer, until
from tests.transports.raw.sockets import Client
from tests.transports.wire import Line, PollingLine, WebSocketLine


class Lines:
    """The lines of one device: to each node of both kinds, and one that polls."""

    def __init__(self, sockets: list[Line], raw: list[Client]) -> None:
        self.sockets = sockets
        self.raw = raw

    @property
    def all(self) -> list[Line | Client]:
        return [*self.sockets, *self.raw]

    @property
    def are_open(self) -> bool:
        return not any(one.is_ended for one in self.all)

    async def end(self) -> None:
        """Wait until all have ended."""
        await until(lambda: all(one.is_ended for one in self.all))
        assert {one.close_code for one in self.raw} == {4401}
        assert {one.close_code for one in self.sockets} <= {4401, 1000}


Connect = Callable[[Person, str], Awaitable[Lines]]


@pytest.fixture
async def connect(server: RunningServer) -> AsyncIterator[Connect]:
    """Opens lines of a device: `lines = await connect(alice, "phone")`."""
    opened: list[Lines] = []

    async def open_lines(person: Person, device_id: str) -> Lines:
        token = person.tokens[device_id].access
        sockets: list[Line] = [WebSocketLine(url) for url in server.node_urls]
        lines = Lines([PollingLine(server.node_urls[0]), *sockets], [])
        opened.append(lines)
        for line in lines.sockets:
            await line.open({"token": token})
        for url in server.node_urls:
            lines.raw.append(Client(url, "/ws"))
            await (await lines.raw[-1].open(token)).beat()
        await until(lambda: sum(len(node.chat.sign_ins._held) for node in server.nodes))
        return lines

    yield open_lines
    for lines in opened:
        for one in lines.all:
            await one.leave()


async def ban(alice: Person, http: aiohttp.ClientSession) -> None:
    path = f"/api/admin/accounts/{alice.user_id}/ban"
    assert (await call(http, "POST", path, token=ADMIN_TOKEN))[0] == 200


async def log_out(alice: Person, http: aiohttp.ClientSession) -> None:
    assert (await alice.ask("POST", "/api/auth/logout"))[0] == 200


async def revoke_the_phone(alice: Person, http: aiohttp.ClientSession) -> None:
    assert (await alice.ask("DELETE", "/api/auth/devices/phone", None, "laptop"))[0] == 200


async def change_the_password(alice: Person, http: aiohttp.ClientSession) -> None:
    body = {"currentPassword": PASSWORD, "newPassword": "another password"}
    assert (await alice.ask("POST", "/api/auth/password", body, "laptop"))[0] == 200


async def delete_the_account(alice: Person, http: aiohttp.ClientSession) -> None:
    assert (await alice.ask("DELETE", "/api/auth/account", {"password": PASSWORD}))[0] == 200


WAYS = {
    ban: True,
    log_out: False,
    revoke_the_phone: False,
    change_the_password: False,
    delete_the_account: True,
}
"""And whether they end the laptop's connections too."""


@pytest.mark.parametrize(("way", "ends_laptop"), WAYS.items(), ids=[way.__name__ for way in WAYS])
async def test_connections_end_at_once_with_the_sign_in_that_opened_them(
    alice: Person, bob: Person, http: aiohttp.ClientSession, connect: Connect, way: Any,
    ends_laptop: bool,
):  # fmt: skip
    phone, laptop, bobs = [
        await connect(who, device)
        for who, device in ((alice, "phone"), (alice, "laptop"), (bob, "phone"))
    ]
    await way(alice, http)

    await phone.end()
    if ends_laptop:
        await laptop.end()
    assert ends_laptop or laptop.are_open
    assert bobs.are_open


async def test_who_comes_back_with_such_a_token_is_told_that_it_is_good_no_more(
    alice: Person, server: RunningServer, http: aiohttp.ClientSession
):
    await log_out(alice, http)
    async with WebSocketLine(server.url) as line:
        await line.shake_hands()
        await line.send("40" + json.dumps({"token": alice.tokens["phone"].access}))
        await line.until(lambda: line.is_ended or any(str(p)[:2] == "44" for p in line.heard))
        assert '"code":"unauthenticated"' in str(line.heard[-1])


async def test_who_is_signed_out_while_it_signs_in_is_not_signed_in(
    alice: Person, server: RunningServer, http: aiohttp.ClientSession
):
    users: Any = server.nodes[0]._live.user_broker
    hear = users.hear

    async def hear_late(user_id: UserId) -> None:
        await log_out(alice, http)
        for node in server.nodes:
            await until(lambda: not getattr(node._live.user_broker, "_sending", None))  # noqa: B023
        await hear(user_id)

    users.hear = hear_late
    async with WebSocketLine(server.node_urls[0]) as line:
        await line.open({"token": alice.tokens["phone"].access})
        await until(lambda: line.is_ended)
    await until(lambda: not server.nodes[0].chat.sign_ins._held)
    assert not server.nodes[0].chat.revocations._connections


# --- what is not heard ---


async def test_what_nobody_was_told_of_is_found_by_and_by(
    alice: Person, bob: Person, server: RunningServer, connect: Connect, later: Any
):
    phone, laptop, bobs = [
        await connect(who, device)
        for who, device in ((alice, "phone"), (alice, "laptop"), (bob, "phone"))
    ]
    # As by a process that dies before it tells.
    store = server.nodes[0]._durable.accounts
    assert await store.revoke_device(UserId(alice.user_id), DeviceId("phone"), 0)
    await later(ms=LOOK_INTERVAL_MS)

    await phone.end()
    assert laptop.are_open
    assert bobs.are_open


async def test_a_connection_that_goes_on_by_a_newer_sign_in_outlives_the_first(
    alice: Person, server: RunningServer, http: aiohttp.ClientSession, later: Any
):
    anew = await alice.log_in("phone")
    async with WebSocketLine(server.url) as line:
        await line.open({"token": alice.tokens["phone"].access})
        assert (await line.ask("auth-refresh", {"token": anew["accessToken"]}))["success"]
        await log_out(alice, http)
        await later(ms=LOOK_INTERVAL_MS)
        await line.ask("did-i-miss-something")
        assert not line.is_ended

        status, _ = await call(http, "POST", "/api/auth/logout", token=anew["accessToken"])
        assert status == 200
        await until(lambda: line.is_ended)


async def test_an_end_that_redis_did_not_take_comes_when_it_takes_that_something_waits(
    alice: Person, server: RunningServer, connect: Connect
):
    phone = await connect(alice, "phone")
    user_id, live = UserId(alice.user_id), server.nodes[0]._live
    await server.nodes[0]._durable.accounts.set_banned(user_id, is_banned=True, now_ms=0)
    await live.user_broker.publish(MailWaits(users=(user_id,)))

    await phone.end()


async def test_after_redis_was_not_heard_all_are_looked_at(
    alice: Person, server: RunningServer, connect: Connect
):
    phone = await connect(alice, "phone")
    store = server.nodes[0]._durable.accounts
    await store.set_banned(UserId(alice.user_id), is_banned=True, now_ms=0)
    for node in server.nodes:
        live = node._live
        if isinstance(live, RedisLive):
            live.user_broker.restored()  # type: ignore[attr-defined]
        else:
            node.chat.revocations._look_at_all()

    await phone.end()


# --- who is whose ---


@configured(JWT_SECRET=SECRET)
async def test_a_user_of_another_system_does_not_go_on_as_the_account_of_its_id(
    open_account: OpenAccount, server: RunningServer
):
    alice = await open_account("alice", "phone")
    impostor = by_secret({"sub": alice.user_id, "device": "phone"}, SECRET.encode())
    async with WebSocketLine(server.url) as line:
        await line.open({"token": impostor})
        answer = await line.ask("auth-refresh", {"token": alice.tokens["phone"].access})

    assert answer["error"] == "forbidden"


async def test_nothing_is_left_of_who_has_gone(
    alice: Person, server: RunningServer, connect: Connect
):
    phone = await connect(alice, "phone")
    for one in phone.all:
        await one.leave()

    for node in server.nodes:
        await until(lambda: not node.chat.revocations._connections)  # noqa: B023
        if isinstance(node._live, RedisLive):
            assert not node._live.user_broker._heard  # type: ignore[attr-defined]
