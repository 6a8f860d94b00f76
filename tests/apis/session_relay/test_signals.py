"""send-signal: ciphertext for who is there now, of which nothing stays."""

import pytest

from tests.apis.session_relay.sessions import configured, events, texts
from tests.people import catch_up

JOINED = "abc123:xyz789"
HERE = {"sessionId": "abc123"}
DONE = {"success": True}

OPAQUE = [
    "",
    "ünïcödé 😀",
    -1.5,
    None,
    {"kty": "OKP", "x": ["AAAA"]},
    b"",
    {"iv": b"\x01\x02", "data": b"\x03", "more": [b"", {"tag": b"\xff"}]},
]


def signal(encrypted="now", **more):
    return {**HERE, "encrypted": encrypted, **more}


# --- to whom ---


@pytest.mark.parametrize("to", [{}, {"to": None}, {"to": ""}, {"to": "all"}], ids=str)
async def test_a_signal_to_everybody_is_heard_by_all_the_others_and_acknowledged_in_short(
    session_of_three, alice, bob, carol, clock, to
):
    ack = await alice.ask("send-signal", signal(**to))
    await catch_up(alice, bob, carol)

    heard = {"from": "alice", "to": to.get("to"), "encrypted": "now", "timestamp": clock.now_ms()}
    assert ack == DONE
    assert bob.heard == carol.heard == [("signal", heard)]
    assert alice.heard == []


async def test_a_signal_to_one_is_heard_by_all_its_tabs_and_by_nobody_else(
    session_of_three, alice, bob, carol, meet
):
    tabs = {}
    for name in ("alice", "bob"):
        tabs[name] = await meet()
        await tabs[name].join(JOINED, name, memberToken=session_of_three.tokens[name])

    await alice.ask("send-signal", signal(to="bob"))
    await catch_up(alice, bob, carol, *tabs.values())

    for tab in (bob, tabs["bob"]):
        (heard,) = tab.all("signal")
        assert (heard["from"], heard["to"], heard["encrypted"]) == ("alice", "bob", "now")
    for other in (alice, carol, tabs["alice"]):
        assert other.all("signal") == []


async def test_a_signal_to_oneself_is_heard_by_ones_other_tabs(session, alice, bob, meet):
    tab = await meet()
    await tab.join(JOINED, "alice", memberToken=session.tokens["alice"])

    assert await alice.ask("send-signal", signal(to="alice")) == DONE
    await catch_up(alice, bob, tab)

    assert len(tab.all("signal")) == 1
    assert alice.heard == bob.heard == []


async def test_a_member_with_the_id_all_gets_its_own_signals(session, alice, bob, carol):
    await carol.join(JOINED, "all")
    await catch_up(bob)
    bob.heard.clear()

    await alice.ask("send-signal", signal(to="all"))
    await catch_up(bob)

    assert texts([await carol.next("signal")]) == ["now"]
    assert events(bob) == []


async def test_a_number_goes_out_as_a_number(session, alice, carol):
    await carol.join(JOINED, 7)
    await alice.ask("send-signal", signal(to="7"))
    await carol.ask("send-signal", signal(to="alice", **{"from": 7}))

    assert (await carol.next("signal"))["to"] == 7
    assert (await alice.next("signal"))["from"] == 7


# --- who may not ---


async def test_a_signal_to_a_stranger_is_an_error_and_nobody_hears_of_it(session, alice, bob):
    ack = await alice.ask("send-signal", signal(to="zoe"))
    await catch_up(bob)

    assert ack["error"] == "recipient_not_found"
    assert (events(alice), events(bob)) == (["session-error"], [])


@pytest.mark.parametrize("field", ["from", "userId", "senderId"])
async def test_nobody_signals_in_the_name_of_another(session, alice, bob, field):
    ack = await alice.ask("send-signal", signal(**{field: "bob"}))
    await catch_up(bob)

    assert ack["error"] == "forbidden"
    assert events(bob) == []


async def test_nobody_signals_from_outside(session, bob, carol):
    ack = await carol.ask("send-signal", signal(to="bob"))
    await catch_up(bob)

    assert ack["error"] == "not_a_member"
    assert events(bob) == []


# --- what ---


async def test_signals_of_any_shape_arrive_equal_and_in_order(session, alice, bob):
    for encrypted in OPAQUE:
        assert await alice.ask("send-signal", signal(encrypted)) == DONE
    await catch_up(bob)

    assert texts(bob.all("signal")) == OPAQUE


@configured(MAX_CIPHERTEXT_BYTES=2048)
async def test_a_signal_over_the_bound_is_refused_and_one_at_it_is_relayed(session, alice, bob):
    too_large = await alice.ask("send-signal", signal("x" * 2049))
    largest = await alice.ask("send-signal", signal("x" * 2048))

    assert (too_large["error"], largest) == ("payload_too_large", DONE)
    assert texts([await bob.next("signal")]) == ["x" * 2048]


# --- nothing stays ---


async def test_a_signal_takes_no_place_in_sequence_history_or_memory(
    server, session, alice, bob, carol
):
    held = await server.chat.rooms.totals()

    for to in ("all", "bob", "alice"):
        await alice.ask("send-signal", signal("x" * 5_000, to=to))
    assert await server.chat.rooms.totals() == held
    late = await carol.join(JOINED, "carol")
    again = await bob.join(JOINED, "bob", since=1)

    assert late["messages"] == again["messages"] == []
    assert (late["seq"], late["truncated"]) == (3, False)


async def test_who_is_away_misses_a_signal_and_its_sender_is_not_told(
    session, alice, bob, meet, lose
):
    await lose(bob)

    assert await alice.ask("send-signal", signal(to="bob")) == DONE
    back = await meet()
    await back.join(JOINED, "bob", memberToken=session.tokens["bob"])
    await catch_up(back)

    assert back.all("signal") == []
