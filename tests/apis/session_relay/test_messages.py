"""send-message: to whom, from whom, once, and unread by the server."""

import json
import logging
import uuid

import pytest

from server.logs import JsonFormatter
from tests.apis.session_relay.sessions import MESSAGE, configured, events, texts
from tests.people import catch_up

JWK = {"kty": "OKP", "crv": "X25519", "x": "hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo"}
OPAQUE = [
    "",
    "text",
    "ünïcödé 😀 \u2028",
    0,
    -1.5,
    2**53,
    True,
    None,
    [],
    {},
    [[], {"": None}],
    JWK,
    {"iv": "AAAA", "data": [1, 2, 3]},
    b"",
    b"\x00\x01\xfe\xff",
    {"iv": b"\x01\x02", "data": b"\x03", "more": [b"", {"tag": b"\xff"}]},
]


def to_all(encrypted="hello", **more):
    return {"sessionId": "abc123", "encrypted": encrypted, **more}


# --- to everybody ---


@pytest.mark.parametrize("to", [{}, {"to": None}, {"to": ""}, {"to": "all"}], ids=str)
async def test_to_everybody_is_heard_by_all_the_others_as_it_was_addressed(
    session_of_three, alice, bob, carol, to
):
    ack = await alice.ask("send-message", to_all(**to))
    await catch_up(alice, bob, carol)

    assert ack["to"] == to.get("to")
    for other in (bob, carol):
        assert events(other) == ["new-message"]
        assert other.heard[0][1]["to"] == to.get("to")
    assert events(alice) == ["message-sent"]


@pytest.mark.parametrize("name", ["all", "All"])
async def test_a_member_with_the_id_all_gets_its_own_messages(session, alice, bob, carol, name):
    await carol.join("abc123:xyz789", name)
    await catch_up(bob)
    bob.heard.clear()

    await alice.ask("send-message", to_all("for that member", to=name))
    await catch_up(bob)

    assert texts([await carol.next("new-message")]) == ["for that member"]
    assert events(bob) == []


async def test_the_acknowledgement_repeats_message_sent_and_names_the_message(session, alice):
    ack = await alice.ask("send-message", to_all(id="m1"))

    sent = alice.all("message-sent")[0]
    assert ack == {"success": True, "messageId": "m1", **sent}
    assert (sent["id"], set(sent)) == ("m1", MESSAGE)


async def test_message_sent_comes_without_asking_for_an_acknowledgement(session, alice):
    await alice.tell("send-message", to_all())

    assert (await alice.next("message-sent"))["encrypted"] == "hello"


# --- to one ---


async def test_a_private_message_is_heard_by_its_recipient_alone(
    session_of_three, alice, bob, carol
):
    ack = await alice.ask("send-message", to_all(to="bob"))
    await catch_up(alice, bob, carol)

    assert (ack["to"], events(alice)) == ("bob", ["message-sent"])
    assert texts(bob.all("new-message")) == ["hello"]
    assert events(carol) == []


async def test_an_unknown_recipient_is_an_error_and_nobody_hears_of_it(session, alice, bob):
    ack = await alice.ask("send-message", to_all(to="zoe"))
    await catch_up(bob)

    assert ack["error"] == "recipient_not_found"
    assert (events(alice), events(bob)) == (["session-error"], [])


async def test_a_recipient_that_left_is_unknown(session, alice, bob):
    await bob.ask("leave-session", {"sessionId": "abc123"})

    assert (await alice.ask("send-message", to_all(to="bob")))["error"] == "recipient_not_found"


async def test_a_note_to_oneself_is_kept_and_told_to_nobody_else(session, alice, bob):
    ack = await alice.ask("send-message", to_all(to="alice"))
    await catch_up(bob)

    assert (ack["success"], events(bob)) == (True, [])
    assert texts((await alice.join("abc123:xyz789", "alice"))["messages"]) == ["hello"]


# --- from whom ---


@pytest.mark.parametrize("field", ["from", "userId", "senderId"])
async def test_nobody_sends_in_the_name_of_another(session, alice, bob, field):
    ack = await alice.ask("send-message", to_all(**{field: "bob"}))
    await catch_up(bob)

    assert ack["error"] == "forbidden"
    assert events(bob) == []


async def test_the_sender_is_the_connection_where_the_payload_names_nobody(session, alice, bob):
    await alice.ask("send-message", to_all())

    assert (await bob.next("new-message"))["from"] == "alice"


# --- what ---


async def test_ciphertext_of_any_shape_arrives_equal(session, alice, bob, carol):
    acks = [await alice.ask("send-message", to_all(encrypted)) for encrypted in OPAQUE]
    late = await carol.join("abc123:xyz789", "carol")
    await catch_up(bob)

    assert texts(bob.all("new-message")) == OPAQUE
    assert texts(acks) == texts(alice.all("message-sent")) == OPAQUE
    assert texts(late["messages"]) == texts(carol.all("messages-history")[0]) == OPAQUE


async def test_a_public_key_of_any_shape_arrives_equal(session, alice, bob, carol):
    keys = [key for key in OPAQUE if key is not None]
    for public_key in keys:
        saved = await bob.ask("save-public-key", {"sessionId": "abc123", "publicKey": public_key})
        joined = await carol.join("abc123:xyz789", "carol", publicKey=public_key)
        assert saved["members"][1]["publicKey"] == public_key
        assert [one["publicKey"] for one in joined["members"][1:]] == [public_key, public_key]
    await catch_up(alice)

    seen = [members[1]["publicKey"] for members in alice.all("public-keys-updated")]
    assert [key for key, before in zip(seen, [None, *seen], strict=False) if key != before] == keys


@pytest.mark.parametrize(("given", "shown"), [({}, "text"), ({"type": "file"}, "file")])
async def test_the_type_is_any_short_word_and_text_by_default(session, alice, bob, given, shown):
    await alice.ask("send-message", to_all(**given))

    assert (await bob.next("new-message"))["type"] == shown


@configured(MAX_CIPHERTEXT_BYTES=2048)
async def test_a_message_over_the_bound_is_refused_and_one_at_it_is_relayed(session, alice, bob):
    too_large = await alice.ask("send-message", to_all("x" * 2049))
    largest = await alice.ask("send-message", to_all("x" * 2048))

    assert (too_large["error"], largest["success"]) == ("payload_too_large", True)
    assert texts([await bob.next("new-message")]) == ["x" * 2048]


async def test_original_content_and_secrets_stay_out_of_answers_history_and_logs(
    server, alice, bob, carol, caplog
):
    caplog.set_level(logging.DEBUG)
    secrets = {"originalContent": "canary-plain", "encrypted": "canary-cipher"}
    acks = [await alice.join("abc123:canary-key", "alice", isCreator=True, publicKey="canary-pk")]
    acks.append(await bob.join("abc123:canary-key", "bob"))
    ways: list[dict[str, str]] = [{}, {"to": "bob"}, {"id": "m1"}, {"id": "m1"}, {"to": "nobody"}]
    acks += [await alice.ask("send-message", to_all(**secrets, **way)) for way in ways]
    acks.append(await carol.join("abc123:canary-key", "carol"))
    await catch_up(alice, bob, carol)

    seen = json.dumps([acks, alice.heard, bob.heard, carol.heard])
    assert "canary-cipher" in seen
    assert "canary-plain" not in seen
    assert "canary-key" not in seen
    # As the server writes it, at the level of DEBUG=true and below.
    logged = "\n".join(map(JsonFormatter().format, caplog.records))
    assert "socket_event" in logged
    assert "canary" not in logged
    assert acks[0]["memberToken"] not in logged


# --- once ---


@pytest.mark.parametrize("field", ["id", "messageId", "clientMessageId"])
async def test_a_repeat_answers_as_the_first_did_and_is_delivered_to_nobody(
    session, alice, bob, clock, field
):
    first = await alice.ask("send-message", to_all(**{field: "m1"}))
    clock.advance(seconds=1)

    again = await alice.ask("send-message", to_all(**{field: "m1"}))
    await catch_up(bob)

    assert again == first
    assert events(bob) == ["new-message"]


async def test_a_repeat_is_recognised_after_coming_back_with_the_token(session, alice, bob, meet):
    first = await alice.ask("send-message", to_all(id="m1"))
    tab = await meet()
    await tab.join("abc123:xyz789", "alice", memberToken=session.tokens["alice"])

    again = await tab.ask("send-message", to_all(id="m1"))
    await catch_up(bob)

    assert again == first
    assert events(bob) == ["new-message"]


@configured(MAX_SESSION_HISTORY_MESSAGES=2)
async def test_a_repeat_is_recognised_after_the_history_has_moved_on(session, alice, bob):
    first = await alice.ask("send-message", to_all(id="m1"))
    for number in (2, 3):
        await alice.ask("send-message", to_all(id=f"m{number}"))

    again = await alice.ask("send-message", to_all(id="m1"))
    await catch_up(bob)

    assert again == first
    assert len(bob.all("new-message")) == 3


@pytest.mark.parametrize("to", [{}, {"to": "bob"}], ids=["public", "private"])
async def test_an_id_of_another_sender_is_a_conflict(session_of_three, alice, bob, carol, to):
    await alice.ask("send-message", to_all("alice's", id="m1", **to))

    ack = await carol.ask("send-message", to_all("carol's", id="m1"))
    await catch_up(bob)

    assert ack["error"] == "id_conflict"
    assert texts(bob.all("new-message")) == ["alice's"]


async def test_the_same_id_means_another_message_in_another_session(session, alice):
    await alice.join("another", "alice", isCreator=True)
    await alice.ask("send-message", to_all("here", id="m1"))

    ack = await alice.ask("send-message", {**to_all("there", id="m1"), "sessionId": "another"})

    assert (ack["success"], ack["encrypted"]) == (True, "there")


async def test_messages_without_an_id_get_uuids_that_rise(session, alice):
    ids = [(await alice.ask("send-message", to_all()))["id"] for _ in range(3)]

    assert [uuid.UUID(one).version for one in ids] == [7, 7, 7]
    assert len(set(ids)) == 3
