"""socket.io-client 4 and 3 with tokens, over WebSocket, polling, and from one to the other.

What people do stands in tests/js/identity.js; what they must have seen stands here.
"""

import re

ISO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def test_a_guest_enters_with_the_token_that_fetch_got_it(scenes):
    scene = scenes["guest"]

    given = scene.one(None, "/api/auth/guest")
    assert given["status"] == 201
    assert given["body"]["user"]["login"] == "Zoë"
    assert scene.ack("zoe", "auth-refresh", 1) == {
        "success": True,
        "expiresAt": given["body"]["expiresAt"],
    }
    assert ISO_TIME.fullmatch(given["body"]["expiresAt"])


def test_a_connection_is_renewed_for_its_own_user_only(scenes):
    refusal = scenes["guest"].ack("zoe", "auth-refresh", 2)

    assert (refusal["success"], refusal["error"]) == (False, "forbidden")


def test_connections_without_a_token_and_with_a_good_one_are_let_in(scenes):
    scene = scenes["handshakes"]

    for who in ("nobody", "null", "alice", "later"):
        assert scene.names(who) == ["connect"]


def test_a_bad_token_is_a_connect_error_that_says_why(scenes):
    scene = scenes["handshakes"]

    for who in ("forged", "number"):
        told = scene.one(who, "connect_error")
        assert told["data"] == {"code": "unauthenticated"}
        assert told["message"]
        assert "connect" not in scene.names(who)


def test_a_token_that_runs_out_on_a_live_connection_is_told_and_renewed(scenes):
    scene = scenes["expiring"]

    assert scene.names("alice") == ["connect", "auth-expired", "ack auth-refresh"]
    assert ISO_TIME.fullmatch(scene.one("alice", "auth-expired")["expiredAt"])
    assert scene.ack("alice", "auth-refresh")["success"] is True


def test_a_token_that_had_run_out_connects_and_is_renewed(scenes):
    scene = scenes["renewing"]

    assert scene.names("alice")[:2] == ["connect", "auth-expired"]
    assert scene.ack("alice", "auth-refresh", 1)["error"] == "token_expired"
    assert scene.ack("alice", "auth-refresh", 2) == {"success": True, "expiresAt": None}
    assert scene.ack("alice", "join-session")["success"] is True
