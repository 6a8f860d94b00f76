"""Redis by its URL: one server with or without TLS and password, Sentinel, Cluster."""

import asyncio
import subprocess

import pytest

from server.core.errors import Code
from server.core.events import RoomEvent
from server.core.ports import RoomTotals
from server.stores.redis.connect import UnfitRedisError, connect
from server.stores.redis.scripts import Script
from tests.clocks import LIMIT_S
from tests.redis_servers import free_port, running_redis
from tests.redis_sets import running_cluster, running_sentinels, shared_cluster
from tests.stores.guests import POLICY, House, refusal, texts, user_ids
from tests.stores.redis.processes import listening, process_at

TOTALS = Script("rooms/totals", ("books",))


@pytest.fixture(scope="module")
def locked_server():
    """One that asks for a password."""
    with running_redis(None, "--requirepass", "s3cret/@:") as server:
        yield server


async def answers(url):
    """Whether Redis at this URL does what it is asked."""
    link = await connect(url)
    try:
        return await link.run(TOTALS, "{hw:1}") == [0, 0, 0]
    finally:
        await link.close()


async def reason(url):
    """Why Redis at this URL cannot be used."""
    with pytest.raises(UnfitRedisError) as caught:
        await connect(url)
    return str(caught.value)


# --- one server ---


async def test_a_password_in_the_url_opens_a_server_that_asks_for_one(locked_server):
    assert await answers(f"redis://:s3cret%2F%40%3A@127.0.0.1:{locked_server.port}/0")


@pytest.mark.parametrize("login", ["", ":wrong@"])
async def test_who_has_no_password_or_a_wrong_one_is_told_so_without_it(locked_server, login):
    why = await reason(f"redis://{login}127.0.0.1:{locked_server.port}/0")

    assert why.startswith(f"Redis at 127.0.0.1:{locked_server.port} ")
    assert "password" in why or "Authentication" in why
    assert "wrong@" not in why


async def test_where_nobody_listens_is_said(locked_server):
    port = free_port()
    assert (await reason(f"redis://127.0.0.1:{port}")).startswith(f"Redis at 127.0.0.1:{port} ")


async def test_what_is_no_redis_is_said():
    async def hang_up(reader, writer):
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert "cannot be used" in await reason(f"redis://127.0.0.1:{port}")


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost",
        "localhost:6379",
        "",
        "redis://localhost:port",
        "redis+sentinel://localhost:26379",
        "redis+sentinel:///hushwire",
        "redis+sentinel://localhost:26379/hushwire/first",
    ],
)
async def test_a_url_of_no_known_form_is_refused_with_those_that_are(url):
    with pytest.raises(ValueError, match="redis\\+sentinel://HOST:PORT"):
        await connect(url)


async def test_a_unix_socket_is_as_good(tmp_path):
    socket = tmp_path / "redis.sock"
    with running_redis(None, "--unixsocket", str(socket)):
        assert await answers(f"unix://{socket}")


@pytest.fixture
def certificate(tmp_path):
    """One of a machine called localhost, signed by itself; its key lies beside it."""
    path = tmp_path / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-keyout", str(path.with_name("key.pem")), "-out", str(path)),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    return path


async def test_tls_is_spoken_to_a_server_whose_certificate_is_trusted(certificate):
    port = free_port()
    options = {
        "--tls-port": port,
        "--tls-cert-file": certificate,
        "--tls-key-file": certificate.with_name("key.pem"),
        "--tls-auth-clients": "no",
    }
    with running_redis(None, *(str(word) for pair in options.items() for word in pair)):
        assert await answers(f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={certificate}")
        assert "certificate" in (await reason(f"rediss://127.0.0.1:{port}/0")).lower()


async def test_a_redis_that_is_too_old_is_refused_with_its_version():
    async def pose_as_old(reader, writer):
        while line := await reader.readline():
            if line.strip().upper() == b"INFO":
                info = b"redis_version:6.0.16\r\n"
                writer.write(b"$%d\r\n%s\r\n" % (len(info), info))
            elif line.strip().upper() in (b"SETINFO", b"SETNAME"):
                writer.write(b"+OK\r\n")
        writer.close()

    async with await asyncio.start_server(pose_as_old, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        why = await reason(f"redis://127.0.0.1:{port}?protocol=2")
    assert "6.0.16" in why
    assert "6.2" in why


# --- Sentinel ---


@pytest.fixture(scope="module")
def sentinels():
    with running_sentinels() as servers:
        yield servers


async def test_a_service_that_no_sentinel_knows_is_said(sentinels):
    assert "another" in await reason(sentinels.url.replace("/hushwire/", "/another/"))


async def test_when_the_master_dies_the_rooms_go_on_at_its_replica(sentinels, clock):
    async with process_at(sentinels.url, timeout_s=2) as one:
        house = House(one.rooms, POLICY, clock)
        alice, bob = await house.with_members("alice", "bob")
        await alice.say("before", message_id="m-1")
        sentinels.wait_until_copied()

        sentinels.master.kill()

        assert await refusal(alice.say("meanwhile", message_id="m-2")) is Code.UNAVAILABLE
        async with asyncio.timeout(20):
            while await refusal(alice.say("meanwhile", message_id="m-2")):
                one.link.is_up = True  # as the heartbeat would find out
                await asyncio.sleep(0.05)
        assert (await alice.say("before", message_id="m-1")).is_repeat
        assert texts(await bob.join()) == ["before", "meanwhile"]


# --- Cluster ---


@pytest.fixture
def cluster():
    return shared_cluster()


@pytest.fixture
async def member_of_cluster(cluster):
    for server in cluster:
        with server.client() as client:
            client.flushall()
    async with process_at(cluster[0].url) as one:
        yield one


async def test_rooms_of_a_cluster_are_on_all_of_its_servers(member_of_cluster, cluster, clock):
    house = House(member_of_cluster.rooms, POLICY, clock)
    for number in range(40):
        await house.with_members("alice", room_id=f"room-{number}")

    for server in cluster:
        with server.client() as client:
            assert client.dbsize() > 0
    assert (await house.rooms.totals()).rooms == 40
    clock.advance(minutes=30)
    assert len(await house.expire_idle()) == 40
    assert await house.rooms.totals() == RoomTotals(0, 0, 0)


async def test_what_happens_in_a_cluster_is_heard(member_of_cluster, clock):
    house = House(member_of_cluster.rooms, POLICY, clock)
    (alice,) = await house.with_members("alice")
    told: list[tuple[int, RoomEvent]] = []
    async with listening(member_of_cluster.link, alice.room_id, told):
        await alice.say("hello")
        async with asyncio.timeout(LIMIT_S):
            while not told:
                await asyncio.sleep(0.005)
    assert user_ids(await alice.members()) == ["alice"]


async def test_bounds_hold_over_the_servers_of_a_cluster(cluster, clock):
    async with process_at(cluster[1].url, rooms=10) as one:
        for server in cluster:
            with server.client() as client:
                client.flushall()
        house = House(one.rooms, POLICY, clock)
        made = [await refusal(house.reserve(f"room-{number}")) for number in range(30)]
        assert made.count(None) == 10
        assert made.count(Code.SERVER_FULL) == 20


async def test_a_server_of_a_cluster_that_is_away_takes_only_its_rooms_with_it(clock):
    with running_cluster() as servers:
        async with process_at(servers[0].url, timeout_s=1) as one:
            house = House(one.rooms, POLICY, clock)
            guests = [house.guest("alice", f"room-{number}") for number in range(12)]
            for guest in guests:
                await guest.join(as_creator=True)
            servers[2].pause()
            codes = []
            for guest in guests:
                one.link.is_up = True  # as the heartbeat would find out
                codes.append(await refusal(guest.say()))
            servers[2].go_on()
            assert set(codes) == {None, Code.UNAVAILABLE}
