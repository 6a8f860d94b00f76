"""Users on several nodes: each hears on whichever it is, and what Redis loses the store has."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

import pytest

from server.app import App
from server.core.ids import DeviceId, NumericUserId, UserId
from server.core.opaque import Opaque
from server.core.user_events import DeviceRevoked, UserEvent
from server.stores.redis import addressed, lingering
from server.stores.redis.ears import Ears
from server.stores.redis.live import RedisLive
from server.stores.redis.told import pack, unpack
from tests.redis_servers import RedisServer, running_redis, shared_old_redis, shared_redis
from tests.redis_sets import shared_cluster
from tests.servers import RunningServer, running_nodes, until
from tests.transports.raw.conftest import Meet
from tests.transports.raw.letters import Letter, Office, Whisper
from tests.transports.raw.sockets import JWT_SECRET, Client, token

NODES = 3


def settings(url: str) -> dict[str, object]:
    return {"JWT_SECRET": JWT_SECRET, "ADMIN_TOKEN": "x" * 32, "REDIS_URL": url}


@contextmanager
def emptied(*servers: RedisServer) -> Iterator[str]:
    for one in servers:
        with one.client() as client:
            client.flushall()
    yield servers[0].url


@pytest.fixture(params=["redis", "cluster"])
async def server(request: pytest.FixtureRequest, office: Office) -> AsyncIterator[RunningServer]:
    """Nodes on one Redis, and on a Cluster, where they listen in another way.

    To 6.2 nothing else is said than to 7, so that one test says whether it understands.
    """
    servers: dict[str, Callable[[], list[RedisServer]]] = {
        "redis": lambda: [shared_redis()],
        "redis-6.2": lambda: [shared_old_redis()],
        "cluster": lambda: list(shared_cluster()),
    }
    with emptied(*servers[request.param]()) as url:
        async with running_nodes(NODES, settings(url), None, None, (office.api(),)) as one:
            yield one


@pytest.fixture
async def redis_server() -> AsyncIterator[RedisServer]:
    """One of its own, for tests that break it."""
    with running_redis() as one:
        yield one


@pytest.fixture
async def broken(redis_server: RedisServer, office: Office) -> AsyncIterator[RunningServer]:
    nodes = running_nodes(2, settings(redis_server.url), None, None, (office.api(),))
    async with nodes as one:
        yield one


@pytest.mark.parametrize("server", ["redis", "redis-6.2", "cluster"], indirect=True)
async def test_letters_reach_users_on_all_nodes_in_order(server: RunningServer, meet: Meet):
    urls = server.node_urls
    alice = await meet("alice", url=urls[0])
    others = [await meet(*who, url=url) for who in (("bob",), ("alice", "tv")) for url in urls]
    for one in others:
        await one.beat()
    for n in range(30):
        await alice.ask("post", room="tea", text=str(n))

    for one in others:
        await one.hears(*map(str, range(30)))
    assert alice.letters() == []


async def test_many_who_post_at_once_on_all_nodes_are_heard_by_all_in_one_order(
    server: RunningServer, meet: Meet
):
    people = [await meet(who, url=url) for who in ("alice", "bob") for url in server.node_urls]
    carol = await meet("carol")
    await asyncio.gather(*(one.beat() for one in (*people, carol)))

    async def talk(one: Client, name: str) -> None:
        for n in range(20):
            await one.ask("post", room="tea", text=f"{name} {n}")

    await asyncio.gather(*(talk(one, str(number)) for number, one in enumerate(people)))
    await until(lambda: len(carol.letters()) == 20 * len(people))

    assert [one["seq"] for one in carol.all("letter")] == list(range(1, 20 * len(people) + 1))
    for number in range(len(people)):
        own = [text for text in carol.letters() if text.startswith(f"{number} ")]
        assert own == [f"{number} {n}" for n in range(20)]


async def test_what_is_of_the_moment_reaches_users_on_all_nodes(server: RunningServer, meet: Meet):
    alice, *bobs = [
        await meet(who, f"{url}", url=url)
        for who, url in [
            ("alice", server.node_urls[0]),
            *(("bob", url) for url in server.node_urls),
        ]
    ]
    for one in (alice, *bobs):
        await one.beat()
    await alice.send("say", {"to": ["bob", "alice"], "text": "psst"})

    for bob in bobs:
        await until(lambda: bob.all("whisper"))  # noqa: B023
    await alice.beat()
    assert alice.all("whisper") == []


async def test_a_revoked_device_is_closed_on_all_nodes(server: RunningServer, meet: Meet):
    phones = [await meet("alice", "phone", url=url) for url in server.node_urls]
    laptop = await meet("alice", "laptop")
    for one in (*phones, laptop):
        await one.beat()
    revoked = DeviceRevoked(users=(UserId("alice"),), revoked=DeviceId("phone"))
    await server.nodes[1]._live.user_broker.publish(revoked)

    assert [await one.ended() for one in phones] == [4401] * NODES
    await laptop.beat()


async def test_a_node_hears_of_its_own_users_alone_and_of_none_that_has_gone(
    server: RunningServer, meet: Meet, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(lingering, "LINGER_S", 0.01)
    bob, again = await meet("bob"), await meet("bob")
    await bob.beat()
    await again.beat()
    assert [len(channels_of(node)) for node in server.nodes] == [1, 0, 0]
    await bob.leave()
    await again.beat()
    assert len(channels_of(server.nodes[0])) == 1
    await again.leave()

    await until(lambda: not channels_of(server.nodes[0]))


def channels_of(node: App) -> set[str]:
    """Those that a node hears, at whichever server of Redis."""
    assert isinstance(node._live, RedisLive)
    ear = node._live._ear
    return set(ear._places if isinstance(ear, Ears) else ear._confirmed)


async def test_who_comes_back_at_once_is_heard_on(
    server: RunningServer, meet: Meet, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(lingering, "LINGER_S", 0.05)
    for _ in range(3):
        bob = await meet("bob")
        await bob.beat()
        await bob.leave()
    bob, alice = await meet("bob"), await meet("alice", url=server.node_urls[1])
    await bob.beat()
    for n in range(20):
        await alice.ask("post", room="tea", text=str(n))
        await bob.hears(*map(str, range(n + 1)))


# --- what is lost ---


async def test_what_was_published_while_a_node_heard_nothing_comes_when_it_hears_again(
    redis_server: RedisServer, broken: RunningServer, office: Office
):
    async with Client(broken.node_urls[0]) as alice, Client(broken.node_urls[1]) as bob:
        await alice.open(token("alice"))
        await bob.open(token("bob"))
        await bob.beat()
        await alice.ask("post", room="tea", text="1")
        await bob.hears("1")
        ear = broken.nodes[1]._live._ear  # type: ignore[attr-defined]
        take, ear._on_message = ear._on_message, lambda *_: None
        await alice.ask("post", room="tea", text="2")
        await alice.ask("post", room="tea", text="3")
        ear._on_message = take
        assert bob.letters() == ["1"]
        with redis_server.client() as client:
            client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")

        await bob.hears("1", "2", "3")


async def test_what_redis_did_not_take_is_found_in_the_store(
    redis_server: RedisServer, broken: RunningServer, office: Office
):
    async with Client(broken.node_urls[0]) as alice, Client(broken.node_urls[1]) as bob:
        await alice.open(token("alice"))
        await bob.open(token("bob"))
        await alice.beat()
        await bob.beat()
        redis_server.kill()
        await alice.ask("post", room="tea", text="1")
        await alice.ask("post", room="tea", text="2")
        redis_server.start()

        await until(lambda: len(bob.letters()) == 2)
        await alice.ask("post", room="tea", text="3")
        await until(lambda: len(bob.letters()) == 3)
        assert bob.letters() == ["1", "2", "3"]


async def test_a_node_that_cannot_publish_for_a_moment_has_users_look_in_the_store(
    broken: RunningServer, monkeypatch: pytest.MonkeyPatch
):
    async with Client(broken.node_urls[0]) as alice, Client(broken.node_urls[1]) as bob:
        await alice.open(token("alice"))
        await bob.open(token("bob"))
        await bob.beat()
        link = broken.nodes[0]._live._link  # type: ignore[attr-defined]
        link.is_up = False
        await alice.ask("post", room="tea", text="1")
        users = broken.nodes[0]._live.user_broker
        await until(lambda: users._owed)  # type: ignore[attr-defined]
        link.is_up = True

        await bob.hears("1")


async def test_more_than_waits_for_redis_is_found_in_the_store(
    broken: RunningServer, monkeypatch: pytest.MonkeyPatch, office: Office
):
    monkeypatch.setattr(addressed, "MAX_UNSENT", 5)
    async with Client(broken.node_urls[1]) as bob:
        await bob.open(token("bob"))
        await bob.beat()
        users = broken.nodes[0]._live.user_broker
        for n in range(50):
            await users.publish(office.keep("tea", "alice", str(n)))
        assert len(users._unsent) == 5  # type: ignore[attr-defined]

        await bob.hears(*map(str, range(50)))


# --- on the wire between nodes ---


@pytest.mark.parametrize(
    "event",
    [
        Whisper(users=(UserId("alice"), NumericUserId("7")), text="…", device_id=DeviceId("d")),
        DeviceRevoked(users=(UserId("alice"),), revoked=DeviceId("phone")),
        Letter(users=(), stream="tea", seq=2**53, sender=NumericUserId("7"), text="x"),
    ],
    ids=lambda event: type(event).__name__,
)
def test_an_event_is_the_same_after_the_wire(event: UserEvent):
    back = unpack(UserEvent, pack(event))

    assert back == event
    assert type(back) is type(event)
    assert back is not None
    assert list(map(type, back.users)) == list(map(type, event.users))


class Sealed(UserEvent, frozen=True, kw_only=True):
    box: Opaque


@pytest.mark.parametrize("value", ["text", {"iv": b"\x00\xff", "data": [1, None]}, None])
def test_opaque_values_pass_the_wire(value: object):
    event = Sealed(users=(UserId("alice"),), box=Opaque(value))

    assert unpack(UserEvent, pack(event)) == event


def test_an_event_that_only_a_newer_process_knows_is_left_out():
    class Newer(UserEvent, frozen=True, kw_only=True):
        x: int

    packed = pack(Newer(users=(), x=1)).replace(b"Newer", b"Never")

    assert unpack(UserEvent, packed) is None
