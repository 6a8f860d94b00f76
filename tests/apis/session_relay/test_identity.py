"""Nobody becomes somebody else: tabs, member tokens, public keys, and ids that start anew."""

import secrets

import pytest

from tests.apis.session_relay.sessions import configured, events, texts, user_ids
from tests.people import Person, catch_up

JOINED = "abc123:xyz789"
TO_ALL = {"sessionId": "abc123", "encrypted": "hello"}


@pytest.fixture
def transport():
    return "websocket"


async def private_word(alice):
    """Alice writes to bob alone."""
    payload = {"sessionId": "abc123", "to": "bob", "encrypted": "for bob only"}
    assert (await alice.ask("send-message", payload))["success"] is True


# --- while a member is connected ---


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"publicKey": "another key"},
        {"memberToken": "guessed"},
        {"memberToken": ""},
        {"publicKey": None},
        {"publicKey": "another key", "isCreator": True},
    ],
    ids=str,
)
async def test_the_id_of_a_connected_member_is_taken(session, alice, carol, more):
    ack = await carol.join(JOINED, "bob", **more)
    await catch_up(alice)

    assert ack["error"] == "user_id_taken"
    assert events(alice) == []


async def test_the_member_token_of_somebody_else_opens_no_other_id(session, carol):
    ack = await carol.join(JOINED, "bob", memberToken=session.tokens["alice"])

    assert ack["error"] == "user_id_taken"


async def test_the_member_token_of_another_session_proves_nothing(session, alice, carol):
    elsewhere = await carol.join("elsewhere", "bob", isCreator=True)

    ack = await carol.join(JOINED, "bob", memberToken=elsewhere["memberToken"])

    assert ack["error"] == "user_id_taken"


@pytest.mark.parametrize("proof", ["memberToken", "publicKey"])
async def test_a_second_tab_is_the_same_member_and_is_not_announced(
    session, alice, bob, carol, proof
):
    proofs = {"memberToken": session.tokens["bob"], "publicKey": "key of bob"}

    ack = await carol.join(JOINED, "bob", **{proof: proofs[proof]})
    await catch_up(alice, bob)

    assert user_ids(ack["members"]) == ["alice", "bob"]
    assert (events(alice), events(bob)) == ([], [])


async def test_both_tabs_hear_everything(session, alice, bob, carol):
    await carol.join(JOINED, "bob", memberToken=session.tokens["bob"])

    await alice.ask("send-message", TO_ALL)
    await private_word(alice)
    await catch_up(bob, carol)

    assert texts(bob.all("new-message")) == ["hello", "for bob only"]
    assert texts(carol.all("new-message")) == ["hello", "for bob only"]


async def test_what_one_tab_sends_the_other_hears(session, alice, bob, carol):
    await carol.join(JOINED, "bob", memberToken=session.tokens["bob"])

    await bob.ask("send-message", TO_ALL)
    await bob.ask("send-message", {**TO_ALL, "encrypted": "for alice", "to": "alice"})
    await catch_up(bob, carol)

    assert texts(carol.all("new-message")) == ["hello", "for alice"]
    assert bob.all("new-message") == []


@pytest.mark.parametrize("way", ["leave-session", "goodbye", "loss"])
@configured(RECONNECT_GRACE_S=0)
async def test_a_member_leaves_with_its_last_tab_only(session, meet, alice, bob, lose, later, way):
    tab = await meet()
    await tab.join(JOINED, "bob", memberToken=session.tokens["bob"])
    going = {
        "leave-session": lambda person: person.ask("leave-session", {"sessionId": "abc123"}),
        "goodbye": Person.leave,
        "loss": lose,
    }

    await going[way](tab)
    await later()
    await catch_up(alice)
    assert events(alice) == []

    await going["leave-session"](bob)
    assert (await alice.next("user-left"))["userId"] == "bob"


async def test_one_connection_is_one_person_in_a_session(session, bob):
    assert (await bob.join(JOINED, "robert"))["error"] == "forbidden"


# --- a public key alone: everybody in the session knows it ---


async def test_a_tab_that_shows_a_public_key_alone_gets_no_token_and_no_private_history(
    session, alice, carol
):
    await private_word(alice)
    await alice.ask("send-message", TO_ALL)

    ack = await carol.join(JOINED, "bob", publicKey="key of bob")

    assert ack["memberToken"] is None
    assert texts(ack["messages"]) == ["hello"]


async def test_a_tab_that_shows_a_public_key_alone_does_not_replace_it(session, alice, carol):
    await carol.join(JOINED, "bob", publicKey="key of bob")

    ack = await carol.ask("save-public-key", {"sessionId": "abc123", "publicKey": "carol's"})
    await catch_up(alice)

    assert ack["error"] == "forbidden"
    assert events(alice) == []


async def test_a_tab_that_shows_the_creators_public_key_alone_has_none_of_its_powers(
    session, carol
):
    ack = await carol.join(JOINED, "alice", publicKey="key of alice", isCreator=True)

    assert ack["isCreator"] is False
    locked = await carol.ask("lock-session", {"sessionId": "abc123", "locked": True})
    assert locked["error"] == "forbidden"


# --- once a member is gone ---


async def test_the_id_of_a_lost_member_starts_anew_and_the_others_see_the_change(
    session, alice, bob, carol, lose
):
    await private_word(alice)
    await lose(bob)
    alice.heard.clear()

    ack = await carol.join(JOINED, "bob", displayName="A new Bob")
    await catch_up(alice)

    assert events(alice) == ["user-left", "user-joined", "public-keys-updated"]
    assert alice.heard[0][1]["reason"] == "lost"
    assert alice.heard[1][1]["displayName"] == "A new Bob"
    assert ack["memberToken"] not in (None, session.tokens["bob"])
    assert ack["messages"] == []


async def test_who_takes_the_id_of_one_who_left_reads_none_of_its_private_messages(
    session, alice, bob, carol
):
    await private_word(alice)
    await bob.ask("leave-session", {"sessionId": "abc123"})

    ack = await carol.join(JOINED, "bob", publicKey="key of bob")

    assert ack["messages"] == []


async def test_who_comes_back_with_its_token_reads_its_private_messages(session, alice, bob, meet):
    await private_word(alice)
    await bob.ask("leave-session", {"sessionId": "abc123"})
    again = await meet()

    ack = await again.join(JOINED, "bob", memberToken=session.tokens["bob"])

    assert texts(ack["messages"]) == ["for bob only"]


async def test_the_creator_is_the_first_one_even_after_it_left(session, alice, bob, carol):
    await alice.ask("leave-session", {"sessionId": "abc123"})

    for name in ("alice", "carol"):
        ack = await carol.join(JOINED, name, isCreator=True, publicKey="key of alice")
        assert ack["isCreator"] is False
        await carol.ask("leave-session", {"sessionId": "abc123"})


async def test_the_creator_gets_its_powers_back_with_its_token(session, alice, bob, meet):
    await alice.ask("leave-session", {"sessionId": "abc123"})
    again = await meet()

    ack = await again.join(JOINED, "alice", memberToken=session.tokens["alice"])

    assert ack["isCreator"] is True
    assert (await again.ask("lock-session", {"sessionId": "abc123"}))["success"] is True


async def test_who_never_heard_the_answer_is_known_by_the_token_of_its_own_choice(meet, lose):
    chosen = secrets.token_urlsafe(32)
    said = {"isCreator": True, "publicKey": "alice's key", "newMemberToken": chosen}
    alice = await meet()
    assert (await alice.join(JOINED, "alice", **said))["memberToken"] == chosen
    await lose(alice)  # as if before the answer
    again = await meet()

    ack = await again.join(JOINED, "alice", **said | {"publicKey": "her next key"})

    assert (ack["isCreator"], ack["memberToken"]) == (True, chosen)
    assert (await again.ask("lock-session", {"sessionId": "abc123"}))["success"]
    on_the_same_line = await again.join(JOINED, "alice", **said)
    assert (on_the_same_line["isCreator"], on_the_same_line["memberToken"]) == (True, chosen)


async def test_a_token_of_ones_own_choice_takes_nothing_from_who_is_there(session, alice, meet):
    carol = await meet()

    ack = await carol.join(JOINED, "alice", newMemberToken=secrets.token_urlsafe(32))

    assert ack["error"] == "user_id_taken"


@pytest.mark.parametrize("token", ["short", "x" * 42, "x" * 129, "x" * 42 + " "])
async def test_a_token_that_could_be_guessed_is_refused(meet, token):
    carol = await meet()

    ack = await carol.join(JOINED, "carol", isCreator=True, newMemberToken=token)

    assert ack["error"] == "invalid_request"


async def test_nobody_else_gets_a_member_token(session, alice, bob, carol):
    await carol.join(JOINED, "carol")
    await catch_up(alice, bob, carol)

    tokens = session.tokens.values()
    heard = repr([alice.heard, bob.heard, carol.heard])
    assert not any(token in heard for token in tokens)


# --- numbers ---


async def test_a_numeric_user_id_is_the_same_user_as_its_text(alice, bob):
    await alice.join("abc123", 7, isCreator=True)

    assert (await bob.join("abc123", "7"))["error"] == "user_id_taken"


async def test_a_numeric_user_id_comes_back_as_a_number_and_text_as_text(alice, bob, carol):
    await alice.join("abc123", 7, isCreator=True)
    await bob.join("abc123", "8")

    ack = await carol.join("abc123", "carol")

    assert user_ids(ack["members"]) == [7, "8", "carol"]


async def test_a_numeric_user_may_call_itself_by_its_text(alice, bob):
    await alice.join("abc123", 7, isCreator=True)
    await bob.join("abc123", "bob")

    sent = await alice.ask("send-message", {**TO_ALL, "from": "7"})

    assert (sent["success"], (await bob.next("new-message"))["from"]) == (True, 7)
