"""The history that late joiners get, `since`, `truncated`, and the count that `seq` is."""

import pytest

from tests.apis.session_relay.sessions import configured, seqs, texts
from tests.people import catch_up

JOINED = "abc123:xyz789"


@pytest.fixture
def transport():
    return "websocket"


async def say(person, *words, **more):
    for word in words:
        ack = await person.ask("send-message", {"sessionId": "abc123", "encrypted": word, **more})
        assert ack["success"] is True


async def test_the_history_is_in_the_order_of_sending(session, alice, bob, carol):
    for word in "abcdef":
        await say(alice if word in "ace" else bob, word)

    ack = await carol.join(JOINED, "carol")

    assert texts(ack["messages"]) == list("abcdef")
    assert [message["from"] for message in ack["messages"]] == ["alice", "bob"] * 3


async def test_an_old_message_is_the_same_as_it_was_when_new(session, alice, bob, carol, clock):
    await say(alice, "hello", id="m1", type="greeting")
    clock.advance(minutes=5)

    (old,) = (await carol.join(JOINED, "carol"))["messages"]

    assert old == {**await bob.next("new-message"), "originalContent": None}


async def test_since_asks_for_what_came_after_a_place_in_the_sequence(session, alice, bob, carol):
    await say(alice, "a", "b", "c")
    heard = {message["encrypted"]: message["seq"] for message in bob.all("new-message")}

    ack = await carol.join(JOINED, "carol", since=heard["a"])

    assert (texts(ack["messages"]), ack["truncated"]) == (["b", "c"], False)
    assert carol.all("messages-history") == [ack["messages"]]


async def test_who_has_seen_everything_gets_nothing_again(session, alice, bob):
    await say(alice, "a", "b")
    await catch_up(bob)

    ack = await bob.join(JOINED, "bob", since=seqs(bob)[-1])

    assert (ack["messages"], ack["truncated"]) == ([], False)
    assert ack["seq"] == seqs(bob)[-1]


@configured(MAX_SESSION_HISTORY_MESSAGES=3)
async def test_the_history_keeps_the_newest_messages_and_says_that_older_ones_are_gone(
    session, alice, carol
):
    await say(alice, *"abcde")

    ack = await carol.join(JOINED, "carol")

    assert (texts(ack["messages"]), ack["truncated"]) == (["c", "d", "e"], True)


@configured(MAX_SESSION_HISTORY_MESSAGES=3)
async def test_who_has_seen_what_is_gone_misses_nothing(session, alice, bob):
    await say(alice, *"abcde")
    await catch_up(bob)
    of_b, of_c = seqs(bob)[1:3]

    first, second = [await bob.join(JOINED, "bob", since=seq) for seq in (of_b, of_c)]

    assert (texts(first["messages"]), first["truncated"]) == (["c", "d", "e"], False)
    assert (texts(second["messages"]), second["truncated"]) == (["d", "e"], False)


@configured(MAX_SESSION_HISTORY_MESSAGES=3)
async def test_who_has_not_seen_all_that_is_gone_is_told(session, alice, bob):
    await say(alice, *"abcde")
    await catch_up(bob)

    ack = await bob.join(JOINED, "bob", since=seqs(bob)[0])

    assert ack["truncated"] is True


@configured(MAX_CIPHERTEXT_BYTES=100_000, MAX_SESSION_HISTORY_BYTES=250_000)
async def test_the_history_is_bounded_in_bytes_too(session, alice, carol):
    await say(alice, *(letter * 100_000 for letter in "abc"))

    ack = await carol.join(JOINED, "carol")

    assert [text[:1] for text in texts(ack["messages"])] == ["b", "c"]
    assert ack["truncated"] is True


@configured(RATE_LIMITS="off")
async def test_the_default_history_holds_500_messages(session, alice, carol):
    await say(alice, *map(str, range(501)))

    ack = await carol.join(JOINED, "carol")

    assert texts(ack["messages"]) == [str(number) for number in range(1, 501)]


async def test_a_private_message_stands_in_the_history_of_its_two_alone(
    session_of_three, alice, bob, carol, meet
):
    await say(alice, "for bob only", to="bob")
    await say(alice, "for all")

    found = {
        name: texts((await person.join(JOINED, name, memberToken=token))["messages"])
        for (name, token), person in zip(
            session_of_three.tokens.items(), (alice, bob, carol), strict=True
        )
    }

    assert found["alice"] == found["bob"] == ["for bob only", "for all"]
    assert found["carol"] == ["for all"]
    dave = await meet()
    assert texts((await dave.join(JOINED, "dave"))["messages"]) == ["for all"]


async def test_the_history_outlives_its_members(session, alice, bob, carol):
    await say(alice, "hello")
    for person in (alice, bob):
        await person.ask("leave-session", {"sessionId": "abc123"})

    assert texts((await carol.join(JOINED, "carol"))["messages"]) == ["hello"]


# --- seq ---


async def test_joins_messages_key_changes_and_leaves_are_counted_without_gaps(
    session, alice, bob, carol
):
    # Alice and bob have joined: 1, 2.
    await say(bob, "3")
    await bob.ask("save-public-key", {"sessionId": "abc123", "publicKey": "4"})
    assert (await carol.join(JOINED, "carol"))["seq"] == 5
    await say(carol, "6")
    await carol.ask("leave-session", {"sessionId": "abc123"})
    await say(bob, "8")
    await catch_up(alice)

    assert seqs(alice) == [3, 5, 6, 7, 8]


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("typing-start", {}),
        ("get-public-keys", {}),
        ("file-downloaded", {"fileName": "f"}),
        ("lock-session", {"locked": True}),
        ("save-public-key", {"publicKey": "key of alice"}),
        ("send-message", {"encrypted": "hello", "to": "nobody"}),
        ("send-message", {"encrypted": "hello", "from": "bob"}),
        ("join-session", {"userId": "alice"}),
    ],
    ids=str,
)
async def test_what_is_no_message_join_leave_or_key_change_is_not_counted(
    session, alice, bob, event, payload
):
    await alice.ask(event, {"sessionId": JOINED, **payload})

    await say(bob, "3")

    assert (await alice.next("new-message"))["seq"] == 3


async def test_a_repeat_is_not_counted(session, alice, bob):
    await say(alice, "3", "3", id="m1")
    await say(alice, "4")
    await catch_up(bob)

    assert seqs(bob) == [3, 4]


async def test_a_member_sees_seq_rise_with_a_gap_where_a_message_was_not_for_it(
    session_of_three, alice, bob, carol
):
    await say(alice, "4")
    await say(alice, "5", to="bob")
    await say(alice, "6")
    await catch_up(bob, carol)

    assert (seqs(bob), seqs(carol)) == ([4, 5, 6], [4, 6])


@pytest.mark.parametrize("since", [-1, 1.5, "2", True, 2**53], ids=repr)
async def test_since_is_a_whole_number(session, carol, since):
    assert (await carol.join(JOINED, "carol", since=since))["error"] == "invalid_request"


async def test_a_since_of_a_session_that_began_anew_hides_nothing(session, alice, carol):
    """A restarted server counts from 1 again; the page still knows the old count."""
    await say(alice, "after the restart")

    ack = await carol.join(JOINED, "carol", since=50)

    assert texts(ack["messages"]) == ["after the restart"]
    assert ack["truncated"] is True
