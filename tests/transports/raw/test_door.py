"""Who may open a raw WebSocket, and how the others are told."""

import logging
from collections.abc import AsyncIterator

import aiohttp
import pytest

from server.core.errors import Code
from server.core.ids import UserId
from server.transports.api import Api
from server.transports.raw import sockets
from tests.clocks import ManualClock
from tests.conformance.test_tls import Certificate, certificate
from tests.servers import RunningServer, running, until
from tests.transports.raw.conftest import Meet
from tests.transports.raw.letters import Office, Whisper
from tests.transports.raw.sockets import JWT_SECRET, Client, token
from tests.transports.wire import UPGRADE, connected, exchange, head, read_close_code, read_reply

__all__ = ["certificate"]


@pytest.fixture
def apis(office: Office) -> tuple[Api, ...]:
    """One with a plain path, one whose path names the user."""
    return (office.api(), office.api("queue", "/queue/{user_id}"))


@pytest.fixture
async def server(apis: tuple[Api, ...]) -> AsyncIterator[RunningServer]:
    async with running(None, None, apis, JWT_SECRET=JWT_SECRET, DEBUG="true") as one:
        yield one


@pytest.fixture
async def stranger(server: RunningServer) -> AsyncIterator[Client]:
    async with Client(server.url) as one:
        yield one


async def test_a_token_may_come_in_the_query(stranger: Client):
    await stranger.open(token("alice"))
    await stranger.beat()


async def test_a_token_may_come_as_bearer(stranger: Client):
    await stranger.open(headers={"Authorization": f"Bearer {token('alice')}"})
    await stranger.beat()


async def test_a_token_may_come_as_a_subprotocol_and_is_not_sent_back(stranger: Client):
    await stranger.open(protocols=["bearer", token("alice")])
    await stranger.beat()

    assert stranger.socket.protocol == "bearer"


async def test_who_offers_no_subprotocol_is_answered_with_none(stranger: Client):
    await stranger.open(token("alice"))

    assert stranger.socket.protocol is None


@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        pytest.param("", "connect with a token", id="none"),
        pytest.param("nonsense", "", id="nonsense"),
        pytest.param("x" * 5_000, "", id="long"),
        pytest.param(token("alice")[:-4] + "AAAA", "", id="forged"),
        pytest.param(token("alice", life_s=-3600), "run out", id="expired"),
    ],
)
async def test_who_shows_no_good_token_is_told_when_the_socket_closes(
    server: RunningServer, stranger: Client, shown: str, reason: str
):
    await stranger.open(shown)

    assert await stranger.ended() == 4401
    assert server.app._gate.connections == 0
    assert server.app.raw.open_lines == {}
    assert stranger.heard == []


async def test_the_reason_of_a_refusal_is_in_the_close_frame(server: RunningServer):
    query = f"/letters?token={token('alice', life_s=-3600)}"
    async with connected(server.url) as (reader, writer):
        writer.write(head("GET", query, UPGRADE))
        assert (await read_reply(reader)).status == 101
        _, size = await reader.readexactly(2)
        payload = await reader.readexactly(size)

    assert int.from_bytes(payload[:2]) == 4401
    assert payload[2:] == b"the token has run out; get a new one"


async def test_guests_may_not_come_in(server: RunningServer, stranger: Client):
    guest = await server.chat.tokens.issue_guest("here")
    await stranger.open(guest.token)

    assert await stranger.ended() == 4403


async def test_a_path_that_names_a_user_is_for_that_user_alone(server: RunningServer):
    for path, code in (("/queue/alice", None), ("/queue/bob", 4403), ("/queue/al%69ce", None)):
        async with Client(server.url, path) as one:
            await one.open(token("alice"))
            if code:
                assert await one.ended() == code
            else:
                await one.beat()


@pytest.mark.parametrize("path", ["/letters/", "/letters/alice", "/queue", "/queue/", "/queue/a/b"])
async def test_there_is_nothing_under_other_paths(server: RunningServer, path: str):
    answer = await exchange(server.url, head("GET", path, UPGRADE))

    assert answer.status == 404


async def test_a_request_for_no_websocket_is_told_so(server: RunningServer):
    for path in ("/letters", "/queue/alice"):
        answer = await exchange(server.url, head("GET", path))
        assert (answer.status, answer.json["code"]) == (400, "invalid_request")


async def test_pages_of_other_origins_are_refused(server: RunningServer):
    for origin, status in (("https://evil.example", 403), ("http://relay.example", 101)):
        query = f"/letters?token={token('alice')}"
        async with connected(server.url) as (reader, writer):
            writer.write(head("GET", query, {**UPGRADE, "Origin": origin}))
            assert (await read_reply(reader)).status == status


async def test_a_connection_that_carried_other_requests_may_become_a_websocket(
    server: RunningServer,
):
    async with connected(server.url) as (reader, writer):
        writer.write(head("GET", "/health"))
        await read_reply(reader)
        writer.write(head("GET", "/queue/alice", UPGRADE))
        assert (await read_reply(reader)).status == 101

        assert await read_close_code(reader) == 4401


async def test_one_bound_holds_for_raw_sockets_and_socketio_together(apis: tuple[Api, ...]):
    few = {"MAX_ADDRESS_CONNECTIONS": 2, "JWT_SECRET": JWT_SECRET}
    async with running(None, None, apis, **few) as server, Client(server.url) as alice:
        await alice.open(token("alice"))
        polling = head("GET", "/socket.io/?EIO=4&transport=polling")
        assert (await exchange(server.url, polling)).status == 200
        assert (await exchange(server.url, polling)).status == 429
        upgrade = head("GET", f"/letters?token={token('bob')}", UPGRADE)
        assert (await exchange(server.url, upgrade)).status == 429
        await alice.leave()
        await until(lambda: server.app._gate.connections == 1)

        async with Client(server.url) as bob:
            await bob.open(token("bob"))
            await bob.beat()


async def test_one_user_may_have_so_many_connections_and_others_may_come(
    meet: Meet, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sockets, "MAX_LINES_OF_USER", 2)
    first, second = [await meet("alice", f"device {n}") for n in range(2)]
    for one in (first, second):
        await one.beat()

    third = await meet("alice", "device 3")

    assert await third.ended() == 1008
    await second.beat()
    await (await meet("bob")).beat()
    await first.leave()
    await (await meet("alice", "device 4")).beat()


async def test_tokens_are_in_no_log(
    server: RunningServer, meet: Meet, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    alice = await meet()
    await alice.send("auth", {"token": token("bob")})
    await alice.send("auth", {"token": "nonsense-" * 20})
    await alice.send("fail")
    await alice.beat()
    async with Client(server.url) as mallory:
        await mallory.open("eyJ-not-a-token")
        await mallory.ended()

    logged = "\n".join(str(record.__dict__) for record in caplog.records)
    assert "internal_error" in logged
    assert "eyJ" not in logged
    assert "nonsense-" not in logged


async def test_over_tls_as_well(certificate: Certificate, office: Office):
    settings = {**certificate.settings, "JWT_SECRET": JWT_SECRET}
    async with running(None, None, (office.api(),), **settings) as server:
        url = server.url.replace("http:", "https:")
        async with Client(url) as alice, Client(url) as bob:
            await alice.open(token("alice"), ssl=certificate.trust)
            await bob.open(token("bob"), ssl=certificate.trust)
            await bob.beat()
            await alice.ask("post", room="tea", text="x" * 100_000)
            await bob.hears("x" * 100_000)
            await server.app.raw.close_all(Code.UNAVAILABLE)
            assert await bob.ended() == 1012


# --- tokens that run out ---


@pytest.fixture
async def timed(clock: ManualClock, apis: tuple[Api, ...]) -> AsyncIterator[RunningServer]:
    async with running(clock, None, apis, JWT_SECRET=JWT_SECRET) as one:
        yield one


@pytest.fixture
async def alice(timed: RunningServer, clock: ManualClock) -> AsyncIterator[Client]:
    """With a token that is good for a minute and a half."""
    async with Client(timed.url) as one:
        await one.open(token("alice", "phone", life_s=90, clock=clock))
        await one.beat()
        yield one


async def run_out(alice: Client, timed: RunningServer, clock: ManualClock) -> None:
    clock.advance(seconds=90)
    await timed.expire()
    await until(lambda: alice.all("error"))


async def test_who_is_told_that_a_token_has_run_out_may_do_nothing_with_it(
    alice: Client, timed: RunningServer, clock: ManualClock, office: Office
):
    await run_out(alice, timed, clock)

    assert alice.all("error")[0]["code"] == "token_expired"
    assert (await alice.ask("post", room="tea", text="x"))["code"] == "token_expired"
    users = timed.app._live.user_broker
    await users.publish(office.keep("tea", "bob", "psst"))
    await users.publish(Whisper(users=(UserId("alice"),), text="psst"))
    assert (await alice.ask("heartbeat"))["code"] == "token_expired"
    assert alice.letters() == []
    assert alice.all("whisper") == []


async def test_a_token_that_is_not_renewed_within_a_minute_ends_the_connection(
    alice: Client, timed: RunningServer, clock: ManualClock
):
    await run_out(alice, timed, clock)
    clock.advance(seconds=59)
    await timed.expire()
    await alice.ask("heartbeat")
    clock.advance(seconds=1)
    await timed.expire()

    assert await alice.ended() == 4401


async def test_who_renews_goes_on_and_has_missed_nothing(
    alice: Client, timed: RunningServer, clock: ManualClock, office: Office
):
    await run_out(alice, timed, clock)
    users = timed.app._live.user_broker
    await users.publish(office.keep("tea", "bob", "meanwhile"))

    answer = await alice.ask("auth", token=token("alice", "phone", clock=clock))
    assert answer["type"] == "auth_ok"
    assert answer["expiresAt"].endswith("Z")
    await alice.hears("meanwhile")
    await users.publish(office.keep("tea", "bob", "now"))
    await alice.hears("meanwhile", "now")
    clock.advance(seconds=120)
    await timed.expire()
    await alice.beat()


async def test_a_token_of_another_user_or_device_renews_nothing(
    alice: Client, timed: RunningServer, clock: ManualClock
):
    for other in (("bob", "phone"), ("alice", "laptop"), ("alice", None)):
        answer = await alice.ask("auth", token=token(*other, clock=clock))
        assert answer["code"] == "forbidden"
    assert (await alice.ask("auth", token="nonsense"))["code"] == "unauthenticated"
    assert (await alice.ask("auth"))["code"] == "invalid_request"
    await alice.beat()


async def test_a_token_may_be_renewed_before_it_runs_out(
    alice: Client, timed: RunningServer, clock: ManualClock
):
    await alice.ask("auth", token=token("alice", "phone", clock=clock))
    clock.advance(seconds=120)
    await timed.expire()
    await alice.beat()

    assert alice.all("error") == []


async def test_who_is_closed_for_its_token_leaves_nothing_behind(
    alice: Client, timed: RunningServer, clock: ManualClock
):
    await run_out(alice, timed, clock)
    clock.advance(seconds=60)
    await timed.expire()
    await alice.ended()

    await until(lambda: timed.app._gate.connections == 0)
    assert not timed.chat.socket_sign_ins._held
    assert not timed.app.raw._hub._lines


async def test_aiohttp_is_told_of_a_refused_upgrade_by_http(server: RunningServer):
    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await http.ws_connect(server.url + "/letters", origin="https://evil.example")

    assert caught.value.status == 403
