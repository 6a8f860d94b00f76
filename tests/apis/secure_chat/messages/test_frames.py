"""The WebSocket of secure chat: messages, receipts and typing, on all devices of all members."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from server.core.durable import MessageEdited
from server.core.durable_messages import Post
from server.core.ids import MessageId, UserId
from server.core.user_events import IdentityChanged, PrekeysLow, UserEvent
from tests.apis.secure_chat.messages.conftest import PASSWORD, Member
from tests.apis.session_relay.sessions import configured
from tests.issuers import by_secret
from tests.servers import SECRET, RunningServer, until
from tests.transports.raw.sockets import Client

Open = Callable[[Member], Awaitable[Client]]

CHAT = (Path(__file__).parents[4] / "docs/CHAT.md").read_text()


@pytest.fixture
async def connect(server: RunningServer) -> AsyncIterator[Open]:
    """Opens sockets, each on another node: `socket = await connect(alice)`."""
    clients: list[Client] = []
    urls = cycle(server.node_urls)

    async def open_socket(member: Member) -> Client:
        clients.append(Client(next(urls), "/ws"))
        client = await clients[-1].open(member.token)
        await client.beat()
        return client

    yield open_socket
    for client in clients:
        await client.leave()


def sent(message_id: str, to: Member, **more: Any) -> dict[str, Any]:
    return {
        "messageId": message_id,
        "recipientId": to.user_id,
        "messageType": "direct",
        "encryptedContent": "c2VjcmV0",
        **more,
    }


async def silence(_: UserEvent) -> None:
    """Tells nobody."""


def unseen(message_id: str, to: Member) -> Post:
    return Post(
        room_id=None,
        recipient=UserId(to.user_id),
        message_id=MessageId(message_id),
        type="direct",
        ciphertext="c2VjcmV0",
        metadata=None,
        covered=None,
    )


def ids(client: Client) -> list[str]:
    return [one["message"]["messageId"] for one in client.all("new_message")]


async def test_a_message_reaches_the_recipient_and_its_sender_is_answered(
    alice: Member, bob: Member, connect: Open
):
    phone, bobs = await connect(alice), await connect(bob)
    metadata = {"algorithm": "XChaCha20-Poly1305", "nonce": "bm9uY2U=", "x": [1.5, None, "é"]}

    answer = await phone.ask("message", **sent("m-1", bob, encryptionMetadata=metadata))

    assert answer["type"] == "message_sent"
    assert answer["messageId"] == "m-1"
    assert answer["recipientId"] == bob.user_id
    assert (answer["deliveryStatus"], answer["seq"]) == ("sent", 1)
    await until(lambda: bobs.all("new_message"))
    [told] = bobs.all("new_message")
    message = told["message"]
    assert message["senderId"] == alice.user_id
    assert message["senderDeviceId"] == alice.device_id
    assert message["encryptedContent"] == "c2VjcmV0"
    assert message["encryptionMetadata"] == metadata
    assert message["roomId"] == answer["roomId"]
    assert phone.all("new_message") == []


async def test_what_is_sent_over_rest_reaches_sockets_too(
    alice: Member, bob: Member, connect: Open
):
    bobs = await connect(bob)
    for n in range(5):
        assert (await alice.send(f"m-{n}", recipientId=bob.user_id))[0] == 201

    await until(lambda: len(ids(bobs)) == 5)
    assert ids(bobs) == [f"m-{n}" for n in range(5)]


async def test_a_message_that_is_sent_again_is_told_once(alice: Member, bob: Member, connect: Open):
    phone, bobs = await connect(alice), await connect(bob)
    first = await phone.ask("message", **sent("m-1", bob))
    again = await phone.ask("message", **sent("m-1", bob))
    await phone.ask("message", **sent("m-2", bob))

    assert {**again, "ref": 0} == {**first, "ref": 0}
    await until(lambda: "m-2" in ids(bobs))
    assert ids(bobs) == ["m-1", "m-2"]


async def test_what_could_not_be_told_when_it_was_stored_is_told_when_it_is_sent_again(
    server: RunningServer, alice: Member, bob: Member, connect: Open
):
    phone, bobs = await connect(alice), await connect(bob)
    # As it is when a process dies just after it has stored a message.
    mail = server.nodes[0].chat.mail
    teller = mail._teller
    tell, teller.notify = teller.notify, silence
    alices = await server.chat.tokens.verify(alice.token)
    await mail.send(alices, unseen("m-1", bob))
    teller.notify = tell

    assert (await alice.send("m-1", recipientId=bob.user_id))[0] == 201
    await until(lambda: ids(bobs))
    for _ in range(20):
        await alice.send("m-1", recipientId=bob.user_id)
    await phone.ask("message", **sent("m-2", bob))
    await until(lambda: "m-2" in ids(bobs))
    assert ids(bobs) == ["m-1", "m-2"]


async def test_what_waited_comes_on_connecting_until_it_was_acknowledged(
    alice: Member, bob: Member, connect: Open
):
    for n in range(3):
        await alice.send(f"m-{n}", recipientId=bob.user_id)
    bobs = await connect(bob)
    await until(lambda: len(ids(bobs)) == 3)
    assert ids(bobs) == ["m-0", "m-1", "m-2"]
    answer = await bobs.ask("delivery_receipt", messageIds=["m-0", "m-1", "nonsense"])
    assert answer["type"] == "delivery_receipt_ack"
    assert (answer["messageIds"], answer["notFound"]) == (["m-0", "m-1"], ["nonsense"])
    await bobs.leave()

    back = await connect(bob)
    await until(lambda: ids(back))
    await alice.send("m-3", recipientId=bob.user_id)
    await until(lambda: len(ids(back)) == 2)
    assert ids(back) == ["m-2", "m-3"]


async def test_all_devices_of_all_hear_of_a_message_but_the_one_that_sent_it(
    alice: Member, bob: Member, enter: Any, connect: Open
):
    laptop, tablet = await enter("alice", "laptop"), await enter("bob", "tablet")
    phone, *others = [await connect(one) for one in (alice, laptop, bob, tablet)]
    keys = [
        {"recipientId": who.user_id, "recipientDeviceId": who.device_id, "encryptedKey": "a2V5"}
        for who in (laptop, bob, tablet)
    ]

    refused = await phone.ask("message", **sent("m-1", bob))
    assert refused["code"] == "device_mismatch"
    assert {one["deviceId"] for one in refused["missing"]} >= {bob.device_id, tablet.device_id}
    metadata = {"encryptedKeys": keys}
    answer = await phone.ask("message", **sent("m-1", bob, encryptionMetadata=metadata))

    assert answer["type"] == "message_sent", answer
    for one in others:
        await until(lambda: ids(one))  # noqa: B023
        assert ids(one) == ["m-1"]
    await phone.beat()
    assert ids(phone) == []


async def test_what_one_device_sends_comes_to_another_that_was_away_until_it_says_so(
    alice: Member, bob: Member, enter: Any, connect: Open
):
    laptop = await enter("alice", "laptop")
    phone = await connect(alice)
    await phone.ask("message", **sent("m-1", bob))
    await alice.send("m-2", recipientId=bob.user_id)
    bobs = await connect(bob)
    await bobs.ask("read_receipt", messageId="m-1")

    away = await connect(laptop)
    await until(lambda: len(ids(away)) == 2)
    assert ids(away) == ["m-1", "m-2"]
    states = [one["message"]["deliveryStatus"] for one in away.all("new_message")]
    assert states == ["read", "sent"]
    waiting = (await laptop.get("/api/messages/offline"))["messages"]
    assert [one["messageId"] for one in waiting] == ["m-1", "m-2"]
    await away.ask("delivery_receipt", messageIds=["m-1", "m-2"])
    await away.leave()
    back = await connect(laptop)
    assert (await laptop.get("/api/messages/offline"))["messages"] == []
    await phone.ask("message", **sent("m-3", bob))
    await until(lambda: ids(back))
    assert ids(back) == ["m-3"]
    assert ids(await connect(alice)) == []
    assert bobs.all("delivery_receipt") == phone.all("delivery_receipt") == []


async def test_receipts_reach_the_sender_once(alice: Member, bob: Member, connect: Open):
    phone, bobs = await connect(alice), await connect(bob)
    await phone.ask("message", **sent("m-1", bob))
    await bobs.ask("delivery_receipt", messageId="m-1")
    await bobs.ask("delivery_receipt", messageId="m-1")
    await bobs.ask("read_receipt", messageId="m-1")

    await until(lambda: phone.all("read_receipt"))
    for kind in ("delivery_receipt", "read_receipt"):
        [told] = phone.all(kind)
        assert (told["messageId"], told["userId"]) == ("m-1", bob.user_id)
        assert told["timestamp"].endswith("Z")
        assert bobs.all(kind) == []


async def test_a_receipt_of_what_one_may_not_read_is_refused(
    alice: Member, bob: Member, enter: Any, connect: Open
):
    mallory = await enter("mallory")
    await alice.send("m-1", recipientId=bob.user_id)
    socket = await connect(mallory)

    for payload in ({"messageId": "m-1"}, {"messageId": "m-1", "senderId": alice.user_id}):
        assert (await socket.ask("read_receipt", **payload))["code"] == "not_found"
    assert (await socket.ask("read_receipt"))["code"] == "invalid_request"


async def test_typing_reaches_the_others_in_a_room_alone(
    alice: Member, bob: Member, enter: Any, connect: Open
):
    carol = await enter("carol")
    sockets = [await connect(one) for one in (alice, bob, carol)]
    await alice.send("m-1", recipientId=bob.user_id)
    for kind in ("typing", "stop_typing"):
        await sockets[0].send(kind, {"recipientId": bob.user_id})
        await until(lambda: sockets[1].all(kind))  # noqa: B023
        [told] = sockets[1].all(kind)
        assert told["userId"] == alice.user_id

    for one in sockets:
        await one.beat()
    assert sockets[0].all("typing") == sockets[2].all("typing") == []


async def test_typing_to_a_stranger_reaches_nobody(alice: Member, bob: Member, connect: Open):
    phone, bobs = await connect(alice), await connect(bob)
    await phone.send("typing", {"recipientId": bob.user_id})
    assert (await phone.ask("typing", roomId="no such room"))["code"] == "not_found"
    assert (await phone.ask("typing"))["code"] == "invalid_request"
    await phone.ask("message", **sent("m-1", bob))
    await until(lambda: ids(bobs))

    assert bobs.all("typing") == []


async def test_a_revoked_device_is_closed_and_the_others_are_told(
    server: RunningServer, alice: Member, enter: Any, connect: Open
):
    laptop = await enter("alice", "laptop")
    phone, other = await connect(alice), await connect(laptop)
    path = f"/api/auth/devices/{alice.device_id}"
    assert (await laptop.ask("DELETE", path))[0] == 200

    assert await phone.ended() == 4401
    await until(lambda: other.all("device_revoked"))
    assert other.all("device_revoked")[0]["deviceId"] == alice.device_id
    again = Client(server.node_urls[0], "/ws")
    await again.open(alice.token)
    assert await again.ended() == 4401
    await again.leave()
    await other.beat()


async def test_a_device_that_is_revoked_while_its_socket_opens_is_closed(
    server: RunningServer, alice: Member, enter: Any
):
    laptop = await enter("alice", "laptop")
    users = server.nodes[0]._live.user_broker
    hear = users.hear

    async def hear_late(user_id: UserId) -> None:
        assert (await laptop.ask("DELETE", f"/api/auth/devices/{alice.device_id}"))[0] == 200
        await hear(user_id)

    users.hear = hear_late  # type: ignore[method-assign]
    async with Client(server.node_urls[0], "/ws") as phone:
        await phone.open(alice.token)
        assert await phone.ended() == 4401


async def test_a_deleted_message_is_told_to_all(alice: Member, bob: Member, connect: Open):
    phone, bobs = await connect(alice), await connect(bob)
    await phone.ask("message", **sent("m-1", bob))
    assert (await alice.ask("DELETE", "/api/messages/m-1"))[0] == 200

    for one in (phone, bobs):
        await until(lambda: one.all("message_deleted"))  # noqa: B023
        assert one.all("message_deleted")[0]["messageId"] == "m-1"


async def test_members_hear_of_their_rooms(alice: Member, bob: Member, connect: Open):
    bobs = await connect(bob)
    wish = {"name": "Tea", "participants": [bob.user_id]}
    status, body = await alice.ask("POST", "/api/rooms", **wish)
    assert status == 201
    room_id = body["data"]["roomId"]
    await until(lambda: bobs.all("room_changed"))
    told = bobs.all("room_changed")[0]["room"]
    assert (told["roomId"], told["role"]) == (room_id, None)
    roles = {one["username"]: one["role"] for one in told["participants"]}
    assert roles == {"alice": "owner", "bob": "member"}
    await alice.send("m-1", roomId=room_id)
    await until(lambda: ids(bobs))
    await alice.ask("DELETE", f"/api/rooms/{room_id}/participants/{bob.user_id}")

    await until(lambda: bobs.all("room_ended"))
    assert bobs.all("room_ended")[0]["roomId"] == room_id


def changes(client: Client) -> list[str]:
    """Of presence."""
    return [one["status"] for one in client.all("presence") if "status" in one]


async def pass_by(later: Any, seconds: int) -> None:
    """Let time pass in which all nodes say again whom they have."""
    for _ in range(seconds // 2):
        await later(seconds=2)


async def test_who_shares_a_room_hears_who_comes_and_goes_and_nobody_else(
    alice: Member, bob: Member, enter: Any, connect: Open, later: Any
):
    mallory = await enter("mallory")
    await alice.send("m-1", recipientId=bob.user_id)
    await bob.send("m-2", recipientId=alice.user_id)
    await mallory.send("m-3", recipientId=alice.user_id)
    bobs, other = await connect(bob), await connect(mallory)
    phone, tab = await connect(alice), await connect(alice)

    await until(lambda: changes(bobs))
    assert bobs.all("presence")[0]["userId"] == alice.user_id
    assert (await bobs.ask("presence"))["online"] == [alice.user_id]
    assert (await phone.ask("presence"))["online"] == [bob.user_id]
    assert (await other.ask("presence", userIds=[alice.user_id]))["online"] == []

    await phone.leave()
    await pass_by(later, seconds=70)
    assert (await bobs.ask("presence"))["online"] == [alice.user_id]
    await tab.leave()
    await bobs.beat()
    await pass_by(later, seconds=10)
    await until(lambda: len(changes(bobs)) == 2)
    assert changes(bobs) == ["online", "offline"]
    assert (await bobs.ask("presence"))["online"] == []
    assert changes(other) == []


async def test_who_is_back_at_once_was_never_offline(
    alice: Member, bob: Member, connect: Open, later: Any
):
    await alice.send("m-1", recipientId=bob.user_id)
    await bob.send("m-2", recipientId=alice.user_id)
    bobs, phone = await connect(bob), await connect(alice)
    await until(lambda: changes(bobs))
    await phone.leave()
    await later(seconds=1)
    again = await connect(alice)
    await pass_by(later, seconds=70)
    await again.beat()
    await bobs.beat()

    assert changes(bobs) == ["online"]


def documented(table: str) -> dict[str, set[frozenset[str]]]:
    """The fields of each frame that a table of the docs has: of some there are several shapes."""
    (found,) = re.findall(
        rf"<!-- table: {table} of secure chat -->(.*?)<!-- end -->", CHAT, re.DOTALL
    )
    shapes: dict[str, set[frozenset[str]]] = {}
    for name, fields in re.findall(r"`(\w+)` (?:\| )?`\{(.*?)\}+` \|", found):
        outer = fields.partition(": {")[0]
        shapes.setdefault(name, set()).add(frozenset(filter(None, outer.split(", "))))
    return shapes


async def test_all_frames_are_heard_in_the_shapes_that_the_docs_tell(
    server: RunningServer, alice: Member, bob: Member, enter: Any, connect: Open
):
    laptop = await enter("bob", "laptop")
    keys = [
        {"recipientId": who.user_id, "recipientDeviceId": who.device_id} for who in (bob, laptop)
    ]
    await bob.send("m-0", recipientId=alice.user_id)
    phone = await connect(alice)
    await phone.ask("message", **sent("m-1", bob, encryptionMetadata={"encryptedKeys": keys}))
    bobs, other = await connect(bob), await connect(laptop)
    await bobs.ask("delivery_receipt", messageId="m-1")
    await bobs.ask("read_receipt", messageId="m-1")
    for kind in ("typing", "stop_typing"):
        await bobs.send(kind, {"recipientId": alice.user_id})
    for kind, payload in (("presence", {}), ("auth", {"token": bob.token}), ("nonsense", {})):
        await bobs.ask(kind, **payload)
    await alice.ask("DELETE", "/api/messages/m-1")
    _, room = await alice.ask("POST", "/api/rooms", name="Tea", participants=[bob.user_id])
    path = f"/api/rooms/{room['data']['roomId']}/participants/{bob.user_id}"
    await alice.ask("DELETE", path)
    bob_id, alice_id = UserId(bob.user_id), UserId(alice.user_id)
    for event in (
        PrekeysLow(users=(bob_id,), remaining=9),
        IdentityChanged(users=(bob_id,), user_id=alice_id, at_ms=0),
        MessageEdited(
            users=(bob_id,),
            stream="room",
            seq=1,
            message_id=MessageId("m-1"),
            ciphertext="x",
            metadata=None,
            edited_ms=0,
        ),
    ):
        await server.nodes[0]._live.user_broker.publish(event)
    await laptop.ask("DELETE", f"/api/auth/devices/{bob.device_id}")

    told, answered = documented("told"), documented("frames")

    def unasked() -> list[dict[str, Any]]:
        frames = (one for client in (phone, bobs, other) for one in client.heard)
        return [one for one in frames if "ref" not in one]

    await until(lambda: told.keys() - {one["type"] for one in unasked()} == {"error"})
    for frame in unasked():
        assert frozenset(frame.keys() - {"type"}) in told[frame["type"]], frame
    answers = [one for client in (phone, bobs, other) for one in client.heard if "ref" in one]
    assert {one["type"] for one in answers} == answered.keys() | {"error"}
    for frame in answers:
        shapes = {**answered, "error": told["error"]}[frame["type"]]
        assert any(frame.keys() >= one for one in shapes), frame


async def test_who_types_too_often_is_refused_and_may_write_on(
    alice: Member, bob: Member, connect: Open
):
    phone = await connect(alice)
    await phone.ask("message", **sent("m-1", bob))
    refs = [f"t{number}" for number in range(70)]
    for ref in refs:
        await phone.send("typing", {"recipientId": bob.user_id}, ref=ref)
    await phone.beat()

    answers = [one["code"] for ref in refs for one in phone.answers(ref)]
    assert answers == ["rate_limited"] * 10
    assert (await phone.ask("message", **sent("m-2", bob)))["type"] == "message_sent"


async def test_whoever_is_left_hears_that_somebody_has_deleted_its_account(
    alice: Member, bob: Member, enter: Any, connect: Open
):
    carol = await enter("carol")
    await alice.send("m-1", recipientId=bob.user_id)
    wish = {"name": "Tea", "participants": [carol.user_id]}
    _, body = await alice.ask("POST", "/api/rooms", **wish)
    bobs, carols, phone = [await connect(one) for one in (bob, carol, alice)]
    assert (await alice.ask("DELETE", "/api/auth/account", password=PASSWORD))[0] == 200

    assert await phone.ended() == 4401
    for one in (bobs, carols):
        await until(lambda: one.all("room_changed"))  # noqa: B023
    (room,) = [one["room"] for one in carols.all("room_changed")]
    assert room["roomId"] == body["data"]["roomId"]
    assert [(one["userId"], one["role"]) for one in room["participants"]] == [
        (carol.user_id, "owner")
    ]
    (direct,) = [one["room"] for one in bobs.all("room_changed")]
    names = {one["userId"]: one["username"] for one in direct["participants"]}
    assert names == {alice.user_id: "", bob.user_id: "bob"}


@configured(JWT_SECRET=SECRET)
async def test_whoever_has_no_account_here_neither_writes_nor_opens_a_socket(
    server: RunningServer, bob: Member
):
    stranger = by_secret({"sub": 7, "name": "mallory", "deviceId": "x"}, SECRET.encode())
    mallory = bob._replace(token=stranger, user_id="7", device_id="x")
    for doing in (
        mallory.send("m-1", recipientId=bob.user_id),
        mallory.ask("POST", "/api/rooms", name="Tea", participants=[bob.user_id]),
        mallory.ask("GET", "/api/messages/conversations"),
        mallory.ask("GET", f"/api/keys/user/{bob.user_id}"),
    ):
        status, body = await doing
        assert (status, body["error"]) == (403, "forbidden")
    async with Client(server.node_urls[0], "/ws") as socket:
        await socket.open(stranger)
        assert await socket.ended() == 4403
