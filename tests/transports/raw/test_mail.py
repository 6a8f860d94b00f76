"""Mail reaches each device: in order, once, whatever happens on its way."""

import asyncio

import pytest
from msgspec import structs

from server.core.ids import DeviceId, UserId
from server.core.user_events import DeviceRevoked, MailWaits, MailWithdrawn, SignInsEnded
from server.transports.raw.mailbox import MAX_HELD
from tests.servers import RunningServer, until
from tests.transports.raw.conftest import Meet
from tests.transports.raw.letters import Office, Whisper


async def test_a_letter_reaches_all_connections_of_all_but_the_one_that_posted_it(meet: Meet):
    alice, laptop = await meet(), await meet("alice", "laptop")
    bob, bobs_tab, carol = await meet("bob"), await meet("bob"), await meet("carol", None)
    others = (laptop, bob, bobs_tab, carol)
    for one in others:
        await one.beat()

    await alice.ask("post", room="tea", text="hello")

    for one in others:
        await one.hears("hello")
    await alice.beat()
    assert alice.letters() == []


async def test_what_waited_comes_first_and_in_order(meet: Meet, office: Office):
    for n in range(10):
        office.keep("tea", "alice", str(n))
    bob, alice = await meet("bob"), await meet()
    await alice.ask("post", room="tea", text="10")

    await bob.hears(*map(str, range(11)))


async def test_what_a_device_has_taken_does_not_come_to_it_again(meet: Meet, office: Office):
    for n in range(3):
        office.keep("tea", "alice", str(n))
    bob = await meet("bob")
    await bob.hears("0", "1", "2")
    await bob.send("take", {"room": "tea", "seq": 2})
    await bob.beat()
    await bob.leave()

    await (await meet("bob")).hears("2")
    await (await meet("bob", "laptop")).hears("0", "1", "2")


async def test_what_comes_while_the_backlog_is_read_comes_once_and_after_it(
    meet: Meet, office: Office
):
    office.keep("tea", "alice", "0")
    office.keep("coffee", "alice", "a")
    alice = await meet()
    await alice.beat()
    office.gate.clear()
    bob = await meet("bob")
    await until(lambda: office.reads == 2)
    for n in range(1, 6):
        await alice.ask("post", room="tea", text=str(n))
    assert bob.letters() == []
    office.gate.set()

    await bob.hears("0", "1", "2", "3", "4", "5")
    await bob.hears("a", room="coffee")


async def test_what_is_withdrawn_while_the_backlog_is_read_does_not_come(
    server: RunningServer, meet: Meet, office: Office
):
    for n in range(3):
        office.keep("tea", "alice", str(n))
    office.gate.clear()
    bob = await meet("bob")
    await until(lambda: office.reads == 1)
    withdrawn = MailWithdrawn(users=(UserId("bob"),), stream="tea", seq=2)
    await server.app._live.user_broker.publish(withdrawn)
    office.gate.set()

    await bob.hears("0", "2")
    await bob.beat()
    assert bob.letters() == ["0", "2"]


async def test_more_than_is_held_meanwhile_comes_all_the_same(meet: Meet, office: Office):
    office.page = 50
    alice = await meet()
    office.gate.clear()
    bob = await meet("bob")
    await until(lambda: office.reads == 2)
    office.gate.set()
    office.gate.clear()
    texts = [str(n) for n in range(MAX_HELD + 10)]
    for text in texts:
        await alice.ask("post", room="tea", text=text)
    office.gate.set()

    await bob.hears(*texts)
    await alice.ask("post", room="tea", text="last")
    await bob.hears(*texts, "last")


async def test_letters_that_overtake_each_other_come_in_order(
    server: RunningServer, meet: Meet, office: Office
):
    bob = await meet("bob")
    await bob.beat()
    users = server.app._live.user_broker
    first, second, third = [office.keep("tea", "alice", text) for text in "123"]
    for letter in (second, third, first, second):
        await users.publish(letter)

    await bob.hears("1", "2", "3")
    await bob.beat()
    assert bob.letters() == ["1", "2", "3"]


async def test_a_letter_of_which_nobody_heard_comes_with_the_next(
    server: RunningServer, meet: Meet, office: Office
):
    bob, alice = await meet("bob"), await meet()
    await alice.ask("post", room="tea", text="1")
    await bob.hears("1")
    office.keep("tea", "carol", "2")
    await alice.ask("post", room="tea", text="3")

    await bob.hears("1", "2", "3")


async def test_who_hears_letters_that_follow_each_other_asks_the_store_no_more(
    meet: Meet, office: Office
):
    bob, alice = await meet("bob"), await meet()
    await bob.beat()
    for n in range(20):
        await alice.ask("post", room="tea", text=str(n))
    await bob.hears(*map(str, range(20)))

    assert office.reads == 2


async def test_who_posts_asks_the_store_no_more_either(meet: Meet, office: Office):
    bob, alice = await meet("bob"), await meet()
    for n in range(10):
        await (alice, bob)[n % 2].ask("post", room="tea", text=str(n))
        await (bob, alice)[n % 2].hears(*(str(one) for one in range(n % 2 == 1, n + 1, 2)))

    assert office.reads == 2


@pytest.mark.parametrize("how", ["hint", "lost"])
async def test_who_may_have_missed_something_looks_for_it(
    server: RunningServer, meet: Meet, office: Office, how: str
):
    bob = await meet("bob")
    await bob.beat()
    office.keep("tea", "alice", "1")
    await bob.beat()
    assert bob.letters() == []

    if how == "hint":
        await server.app._live.user_broker.publish(MailWaits(users=(UserId("bob"),)))
    else:
        server.app.raw._hub._refresh_all()

    await bob.hears("1")


async def test_while_the_store_is_away_what_waits_is_asked_for_again(meet: Meet, office: Office):
    office.keep("tea", "alice", "1")
    office.is_away = True
    bob, alice = await meet("bob"), await meet()
    await alice.ask("post", room="tea", text="2")
    await until(lambda: office.reads > 3)
    await bob.beat()
    assert bob.letters() == []
    office.is_away = False

    await bob.hears("1", "2")


async def test_an_event_of_one_device_reaches_that_alone(server: RunningServer, meet: Meet):
    phone, tab, laptop = await meet(), await meet(), await meet("alice", "laptop")
    for one in (phone, tab, laptop):
        await one.beat()
    whisper = Whisper(users=(UserId("alice"),), device_id=DeviceId("phone"), text="psst")
    await server.app._live.user_broker.publish(whisper)

    await until(lambda: phone.all("whisper") and tab.all("whisper"))
    await laptop.beat()
    assert laptop.all("whisper") == []


async def test_a_revoked_device_is_told_so_and_closed_and_the_others_are_told(
    server: RunningServer, meet: Meet
):
    phone, laptop, bob = await meet(), await meet("alice", "laptop"), await meet("bob", "phone")
    for one in (phone, laptop, bob):
        await one.beat()
    revoked = DeviceRevoked(users=(UserId("alice"),), revoked=DeviceId("phone"))
    await server.app._live.user_broker.publish(revoked)

    assert await phone.ended() == 4401
    told = [{"type": "device_revoked", "deviceId": "phone"}]
    assert phone.all("device_revoked") == told
    await until(lambda: laptop.all("device_revoked") == told)
    await bob.beat()
    assert bob.all("device_revoked") == []


@pytest.mark.parametrize(
    ("of_device", "closed"),
    [(None, {"phone", "laptop"}), ("phone", {"phone"}), ("fridge", set())],
)
async def test_connections_end_whose_tokens_are_good_no_more(
    server: RunningServer, meet: Meet, of_device: str | None, closed: set[str]
):
    clients = {device: await meet("alice", device) for device in ("phone", "laptop")}
    bob = await meet("bob", "phone")
    for one in (*clients.values(), bob):
        await one.beat()
    device_id = DeviceId(of_device) if of_device else None
    ended = SignInsEnded(users=(UserId("alice"),), of_device=device_id)
    await server.app._live.user_broker.publish(ended)

    for device, client in clients.items():
        if device in closed:
            assert await client.ended() == 4401
        else:
            await client.beat()
    await bob.beat()


PHONE, LAPTOP = DeviceId("phone"), DeviceId("laptop")


@pytest.mark.parametrize(
    ("event", "ended"),
    [
        ({}, {"a", "b", "c", None}),
        ({"of_device": PHONE}, {"a", "b"}),
        ({"family_id": "a"}, {"a"}),
        ({"of_device": LAPTOP, "family_id": "a"}, set()),
        ({"kept_family_id": "b"}, {"a", "c", None}),
        ({"of_device": PHONE, "kept_family_id": "b"}, {"a"}),
    ],
)
def test_what_ends_says_which_sign_ins_it_ends(event, ended):
    sign_ins = {"a": PHONE, "b": PHONE, "c": LAPTOP, None: None}
    told = SignInsEnded(users=(), **event)

    assert {family for family, device in sign_ins.items() if told.ends(device, family)} == ended


async def test_an_event_is_encoded_once_for_many(
    server: RunningServer, meet: Meet, office: Office, monkeypatch: pytest.MonkeyPatch
):
    api = office.api()
    assert api.socket
    rendered: list[str] = []
    render = api.socket.events[type(office.keep("coffee", "alice", "0"))]

    def count(letter):
        rendered.append(letter.text)
        return render(letter)

    clients = [await meet("bob", f"device {n}") for n in range(5)] + [await meet("carol")]
    alice = await meet()
    for one in clients:
        await one.hears("0", room="coffee")
    for line in server.app.raw.open_lines.values():
        events = {**api.socket.events, type(office.keep("coffee", "carol", "")): count}
        line.api = structs.replace(api, socket=structs.replace(api.socket, events=events))
    await alice.ask("post", room="tea", text="1")
    for one in clients:
        await one.hears("1")

    assert rendered.count("1") == 1


async def test_nothing_is_left_of_who_has_gone(server: RunningServer, meet: Meet):
    clients = await asyncio.gather(*(meet("bob", f"device {n}") for n in range(5)))
    for one in clients:
        await one.beat()
        await one.leave()

    await until(lambda: server.app._gate.connections == 0)
    assert not server.app.raw.open_lines
    assert not server.app.raw._hub._lines
    assert not server.chat.socket_sign_ins._held
