"""Identity on a live connection: the handshake, running out, renewing, and who is told of it."""

import json

import pytest

from server.transports.api import Caller
from tests.apis.identity.conftest import NOW_S, token_of
from tests.apis.session_relay.sessions import configured
from tests.issuers import AUDIENCE, ISSUER, by_secret, unsigned
from tests.servers import RunningServer, until
from tests.transports.wire import Line

MINUTE_S = 60


def caller_of(server: RunningServer, line: Line) -> Caller:
    """As whom the server has it."""
    opened = next(str(packet) for packet in line.heard if str(packet).startswith("40"))
    connection_id = json.loads(opened[2:])["sid"]
    callers = (line.caller for line in server.lines)
    return next(one for one in callers if one and one.connection_id == connection_id)


def signed_in(server: RunningServer) -> int:
    """How many connections speak for somebody."""
    return sum(len(node.chat.sign_ins._held) for node in server.nodes)


def refusal_of(line: Line) -> dict[str, object]:
    packet = next(str(packet) for packet in line.heard if str(packet).startswith("44"))
    told: dict[str, object] = json.loads(packet[2:])
    return told


# --- the handshake ---


async def test_a_good_token_makes_the_connection_its_users(enter, server, doorman):
    line = await enter({"token": token_of(7, login="al")})

    await until(lambda: doorman.seen)
    user = caller_of(server, line).user
    assert user is not None
    assert (user.user_id, user.login) == ("7", "al")
    assert doorman.seen == [("arrived", "7")]


ANONYMOUS = {
    "no payload": (),
    "null": (None,),
    "an empty object": ({},),
    "other things": ({"name": "alice"},),
    "no token yet": ({"token": None},),
    "an empty token": ({"token": ""},),
}


@pytest.mark.parametrize("auth", ANONYMOUS.values(), ids=ANONYMOUS)
async def test_without_a_token_a_connection_is_nobodys_and_still_serves(auth, enter, server):
    line = await enter(*auth)

    assert caller_of(server, line).user is None
    assert (await line.join("tea-room", "alice"))["success"] is True
    assert line.events("auth-expired") == []


REFUSED = {
    "a number": 7,
    "true": True,
    "a list": ["token"],
    "an object": {"token": "x"},
    "a word": "token",
    "a forged one": by_secret({"sub": "alice"}, b"x" * 32),
    "an unsigned one": unsigned({"sub": "alice"}),
    "one that is for others": token_of(aud="shop"),
    "one that refreshes": token_of(typ="refresh"),
    "one that is not valid yet": token_of(nbf=NOW_S + 1000),
    "one that has run out and is forged": by_secret({"sub": "a", "exp": 1}, b"x" * 32),
    "a large one": "x" * 9000,
}


@pytest.mark.parametrize("token", REFUSED.values(), ids=REFUSED)
async def test_a_token_that_is_not_good_is_refused_with_the_reason(token, enter, doorman):
    line = await enter({"token": token})

    told = refusal_of(line)
    assert told.keys() == {"message", "data"}
    assert told["data"] == {"code": "unauthenticated"}
    assert str(told["message"]).startswith(("the token is not good: ", "auth.token must be text"))
    assert doorman.seen == []
    assert not line.is_ended


async def test_who_was_refused_may_try_again_on_the_same_line(enter, server):
    line = await enter({"token": "forged"})
    await line.send("40" + json.dumps({"token": token_of()}))
    await line.until(lambda: any(str(packet).startswith("40") for packet in line.heard))

    user = caller_of(server, line).user
    assert user is not None
    assert user.user_id == "alice"


@configured(GUESTS="false")
async def test_guests_of_before_are_refused_where_there_are_none(enter):
    token = token_of(iss="hushwire", typ="guest", jti="1", iat=NOW_S, exp=NOW_S + 9)

    assert refusal_of(await enter({"token": token}))["data"] == {"code": "forbidden"}


async def test_an_expired_token_connects_for_nobody_and_is_told_after_the_connect(
    enter, server, doorman
):
    line = await enter({"token": token_of(exp=NOW_S - MINUTE_S)})
    await line.until(lambda: line.events("auth-expired"))

    assert [str(packet)[:2] for packet in line.heard[1:]] == ["40", "42"]
    assert line.events("auth-expired") == [{"expiredAt": "2027-01-15T07:59:00.000Z"}]
    assert caller_of(server, line).user is None
    assert doorman.seen == []


async def test_while_the_issuers_keys_cannot_be_had_the_line_is_closed_for_another_try(
    enter, issuer, signer
):
    published, issuer.jwks = issuer.jwks, []
    token = signer.sign({"iss": ISSUER, "aud": AUDIENCE, "sub": "a", "exp": NOW_S + MINUTE_S})
    line = await enter({"token": token})

    assert await line.ended() in (1012, 1000)
    assert not any(str(packet).startswith("44") for packet in line.heard)
    issuer.jwks = published


async def test_a_token_in_the_query_is_not_looked_at(server, http):
    target = f"/socket.io/?EIO=4&transport=polling&token={token_of()}"
    async with http.get(target) as answer:
        sid = json.loads((await answer.text())[1:])["sid"]
    async with http.post(f"{target}&sid={sid}", data="40") as answer:
        assert answer.status == 200
    callers = [one.caller for one in server.lines]

    assert [caller and caller.user for caller in callers] == [None]


# --- running out ---


async def test_a_token_that_runs_out_is_told_and_its_user_has_a_minute(
    enter, server, doorman, later
):
    line = await enter({"token": token_of(exp=NOW_S + MINUTE_S)})
    await until(lambda: doorman.seen)

    await later(seconds=MINUTE_S, ms=-1)
    assert caller_of(server, line).user is not None
    await later(ms=1)
    await line.until(lambda: line.events("auth-expired"))
    assert line.events("auth-expired") == [{"expiredAt": "2027-01-15T08:01:00.000Z"}]
    assert caller_of(server, line).user is None
    assert doorman.seen == [("arrived", "alice")]
    await later(seconds=60)
    assert doorman.seen == [("arrived", "alice"), ("lapsed", "alice")]
    assert (await line.join("tea-room", "alice"))["success"] is True


async def test_what_needs_a_user_is_refused_with_what_has_happened_to_the_token(enter, later):
    line = await enter({"token": token_of(exp=NOW_S + MINUTE_S)})
    late = await enter({"token": token_of(exp=NOW_S - MINUTE_S)})
    never = await enter()
    await later(seconds=MINUTE_S)
    for one, code in ((line, "token_expired"), (late, "token_expired"), (never, "unauthenticated")):
        await one.until(lambda: one is never or one.events("auth-expired"))  # noqa: B023
        ack = await one.ask("leave_group", {})
        assert (ack["success"], ack["error"]) == (False, code)
    await later(seconds=60)
    assert (await line.ask("leave_group", {}))["error"] == "token_expired"
    await line.ask("auth-refresh", {"token": token_of()})
    assert (await line.ask("leave_group", {})).get("error") != "token_expired"


async def test_the_reaper_looks_after_it_by_itself(enter, server, clock):
    line = await enter({"token": token_of(exp=NOW_S + MINUTE_S)})
    clock.advance(seconds=MINUTE_S)

    await line.until(lambda: line.events("auth-expired"))


# --- renewing ---


async def test_renewing_keeps_the_user_and_disturbs_nobody(enter, server, doorman, later):
    line = await enter({"token": token_of(exp=NOW_S + MINUTE_S)})
    ack = await line.ask("auth-refresh", {"token": token_of(exp=NOW_S + 2 * MINUTE_S)})

    assert ack == {"success": True, "expiresAt": "2027-01-15T08:02:00.000Z"}
    await later(seconds=MINUTE_S)
    assert caller_of(server, line).user is not None
    assert line.events("auth-expired") == []
    assert doorman.seen == [("arrived", "alice")]


async def test_within_the_minute_after_it_has_run_out_it_is_not_too_late(
    enter, server, doorman, later
):
    line = await enter({"token": token_of(exp=NOW_S + MINUTE_S)})
    await later(seconds=MINUTE_S)
    await later(seconds=59)

    assert (await line.ask("auth-refresh", {"token": token_of()}))["expiresAt"] is None
    await later(minutes=1000)
    user = caller_of(server, line).user
    assert user is not None
    assert doorman.seen == [("arrived", "alice")]


async def test_a_connection_without_a_user_signs_in_by_renewing(enter, server, doorman):
    line = await enter()
    ack = await line.ask("auth-refresh", {"token": token_of(7)})

    assert ack == {"success": True, "expiresAt": None}
    user = caller_of(server, line).user
    assert user is not None
    assert user.user_id == "7"
    assert doorman.seen == [("arrived", "7")]


NOT_RENEWED = {
    "another user's": ({"token": token_of("bob")}, "forbidden"),
    "one that has run out": ({"token": token_of(exp=NOW_S)}, "token_expired"),
    "a forged one": ({"token": by_secret({"sub": "alice"}, b"x" * 32)}, "unauthenticated"),
    "a number": ({"token": 7}, "invalid_request"),
    "an empty one": ({"token": ""}, "invalid_request"),
    "a large one": ({"token": "x" * 9000}, "invalid_request"),
    "none": ({}, "invalid_request"),
    "no object": ("token", "invalid_request"),
}


@pytest.mark.parametrize(("payload", "code"), NOT_RENEWED.values(), ids=NOT_RENEWED)
async def test_what_does_not_renew_leaves_the_user_as_it_was(payload, code, enter, server, doorman):
    line = await enter({"token": token_of()})
    ack = await line.ask("auth-refresh", payload)

    assert (ack["success"], ack["error"]) == (False, code)
    assert ack["message"]
    user = caller_of(server, line).user
    assert user is not None
    assert user.user_id == "alice"
    assert doorman.seen == [("arrived", "alice")]
    assert line.events("session-error") == []


# --- going ---


async def test_a_goodbye_is_told_apart_from_a_loss(enter, server, doorman):
    polite, lost = [await enter({"token": token_of(name)}) for name in ("alice", "bob")]
    await until(lambda: len(doorman.seen) == 2)
    await polite.send("41")
    await until(lambda: len(doorman.seen) == 3)
    await lost.send("1")
    await until(lambda: len(doorman.seen) == 4)

    assert doorman.seen[2:] == [("left", "alice"), ("lost", "bob")]
    assert signed_in(server) == 0


async def test_a_watcher_that_fails_at_an_arrival_ends_that_connection_only(
    enter, server, doorman, caplog
):
    other = await enter({"token": token_of("bob")})
    await until(lambda: doorman.seen)
    doorman.is_ill = True
    line = await enter({"token": token_of()})

    assert await line.ended() in (1011, 1000)
    assert (await other.join("tea-room", "bob"))["success"] is True
    await until(lambda: signed_in(server) == 1)
    assert {record.message for record in caplog.records} >= {"internal_error"}


async def test_who_cannot_be_signed_in_now_has_to_come_back_and_that_is_no_error_of_ours(
    enter, server, doorman, caplog
):
    doorman.is_busy = True
    line = await enter({"token": token_of()})

    assert await line.ended() in (1012, 1000)
    await until(lambda: signed_in(server) == 0)
    assert "internal_error" not in {record.message for record in caplog.records}


async def test_a_line_that_goes_while_its_token_is_looked_at_leaves_nothing(
    enter, server, issuer, signer, doorman
):
    issuer.gate.clear()
    token = signer.sign({"iss": ISSUER, "aud": AUDIENCE, "sub": "a", "exp": NOW_S + MINUTE_S})
    line = await enter()
    await line.send("41")
    await line.send("40" + json.dumps({"token": token}))
    await until(lambda: issuer.asked)
    await line.leave()
    for one in server.lines:
        one.close()
    issuer.gate.set()

    await until(lambda: not server.connections)
    assert doorman.seen == []
    assert signed_in(server) == 0
