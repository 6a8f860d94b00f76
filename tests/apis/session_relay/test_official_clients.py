"""socket.io-client 4 and 3, over WebSocket, polling, and from one to the other.

What people do stands in tests/js/scenarios.js; what they must have seen stands here.
"""

import base64
import json

MEMBER_KEYS = {"userId", "publicKey", "displayName", "joinedAt"}


def binary(*numbers):
    return {"base64": base64.b64encode(bytes(numbers)).decode()}


OPAQUE_VALUES = [
    "b64:3q2+7w==",
    {"kty": "EC", "crv": "P-256", "x": "f83OJ3D2", "y": "x_FEzRu9", "ext": True, "key_ops": []},
    {"iv": [0, 255, 17], "data": "Zm9v", "nested": {"deep": [None, 1.5, -0.25, "ü😀"]}},
    binary(0, 1, 2, 254, 255),
    binary(7, 8, 9),
    binary(0, 0, 0),
    {"iv": binary(1, 2, 3), "data": binary(4, 5), "parts": [binary(6), {"tag": binary()}]},
]
"""As `opaqueValues` in tests/js/scenarios.js."""


def texts(messages):
    return [message["encrypted"] for message in messages]


def keys_by_user(members):
    return {member["userId"]: member["publicKey"] for member in members}


def user_ids(members):
    return [member["userId"] for member in members]


def test_the_client_ends_up_on_the_last_of_its_transports(official, scenes):
    scene = scenes["transport"]

    assert scene.one("alice", "transport") == official.transports.split(",")[-1]
    assert scene.one("alice", "ack join-session")["success"] is True


# --- coming in ---


def test_fetch_reserves_a_session_once_and_again_under_the_same_key_only(scenes):
    answers = scenes["reserving"].all(None, "/api/reserve-session")

    assert [answer["status"] for answer in answers] == [201, 200, 409]
    assert answers[0]["body"]["sessionId"] == "abc123"
    assert isinstance(answers[0]["body"]["expiresAt"], int)
    assert answers[2]["body"]["error"] == "session_exists"


def test_a_joiner_comes_in_before_the_creator_by_id_and_key_in_one(scenes):
    scene = scenes["reserving"]

    ack = scene.ack("bob", "join-session")
    assert (ack["success"], ack["sessionId"], ack["isCreator"]) == (True, "abc123", False)
    assert scene.names("bob")[1:4] == [
        "public-keys-updated",
        "messages-history",
        "ack join-session",
    ]


def test_the_creator_comes_in_by_id_beside_the_key_and_the_joiner_hears_of_it(scenes):
    scene = scenes["reserving"]

    assert scene.ack("alice", "join-session")["isCreator"] is True
    joined = scene.one("bob", "user-joined")
    assert (joined["userId"], joined["displayName"]) == ("alice", "Alice")
    assert user_ids(scene.all("bob", "public-keys-updated")[-1]) == ["bob", "alice"]


def test_the_documented_exchange_works_without_any_acknowledgement(scenes):
    scene = scenes["documented"]

    assert scene.names("alice") == [
        "connect",
        "public-keys-updated",
        "messages-history",
        "user-joined",
        "public-keys-updated",
        "public-keys-updated",
        "public-keys-updated",
        "message-sent",
        "user-left",
        "public-keys-updated",
    ]
    assert scene.names("bob") == [
        "connect",
        "public-keys-updated",
        "messages-history",
        "public-keys-updated",
        "new-message",
    ]
    assert scene.one("bob", "new-message")["encrypted"] == "c1ph3r"
    assert set(scene.all("bob", "public-keys-updated")[-1][0]) == MEMBER_KEYS


def test_original_content_reaches_nobody(scenes):
    for name in ("documented", "ciphertexts"):
        assert "SECRET" not in json.dumps([line.data for line in scenes[name].lines])


# --- opaque values ---


def test_public_keys_of_every_kind_arrive_equal(scenes):
    scene = scenes["keys"]

    updates = scene.all("alice", "public-keys-updated")[2 : 2 + len(OPAQUE_VALUES)]
    assert [keys_by_user(update)["bob"] for update in updates] == OPAQUE_VALUES


def test_a_saved_key_is_acknowledged_and_told_to_its_owner_too(scenes):
    scene = scenes["keys"]

    acks = scene.all("bob", "ack save-public-key")
    assert [keys_by_user(ack["members"])["bob"] for ack in acks] == OPAQUE_VALUES
    told = scene.all("bob", "public-keys-updated")
    assert keys_by_user(told[len(OPAQUE_VALUES)])["bob"] == OPAQUE_VALUES[-1]


def test_the_keys_asked_for_and_the_keys_found_on_joining_are_the_current_ones(scenes):
    scene = scenes["keys"]

    asked = scene.one("alice", "ack get-public-keys")["members"]
    assert keys_by_user(asked) == {"alice": None, "bob": OPAQUE_VALUES[-1]}
    found = scene.all("carol", "public-keys-updated")[0]
    assert keys_by_user(found) == {
        "alice": None,
        "bob": OPAQUE_VALUES[-1],
        "carol": {"raw": binary(1, 2)},
    }


def test_ciphertexts_of_every_kind_arrive_equal(scenes):
    scene = scenes["ciphertexts"]

    assert texts(scene.all("bob", "new-message")) == OPAQUE_VALUES
    assert texts(scene.all("alice", "message-sent")) == OPAQUE_VALUES
    assert texts(scene.all("alice", "ack send-message")) == OPAQUE_VALUES


def test_ciphertexts_of_every_kind_stand_equal_in_the_history(scenes):
    scene = scenes["ciphertexts"]

    history = scene.one("carol", "messages-history")
    assert texts(history) == OPAQUE_VALUES
    assert [message["originalContent"] for message in history] == [None] * len(OPAQUE_VALUES)
    assert texts(scene.one("carol", "ack join-session")["messages"]) == OPAQUE_VALUES


# --- messages ---


def test_a_message_to_all_in_any_spelling_reaches_everybody_but_its_sender(scenes):
    scene = scenes["everybody"]

    for reader in ("bob", "carol"):
        heard = scene.all(reader, "new-message")
        assert [(m["from"], m["encrypted"], m["type"]) for m in heard] == [
            ("alice", "hello", "greeting")
        ] * 4
    assert len(scene.all("alice", "message-sent")) == 4
    assert scene.all("alice", "new-message") == []


def test_a_private_message_reaches_its_recipient_and_no_other(scenes):
    scene = scenes["privately"]

    assert texts(scene.all("bob", "new-message")) == ["for bob", "for all"]
    assert texts(scene.all("carol", "new-message")) == ["for all"]
    assert texts(scene.one("dave", "messages-history")) == ["for all"]
    assert scene.ack("alice", "send-message", 2)["error"] == "recipient_not_found"


def test_signals_of_every_kind_reach_who_is_there_now_in_order_with_the_messages(scenes):
    scene = scenes["signalling"]

    heard = {who: scene.all(who, "signal") for who in ("bob", "carol")}
    assert texts(heard["bob"]) == [*OPAQUE_VALUES, {"raw": binary(1, 2)}]
    assert texts(heard["carol"]) == OPAQUE_VALUES
    assert {(one["from"], one["to"]) for one in heard["carol"]} == {("alice", None)}
    assert heard["bob"][-1]["to"] == "bob"
    order = [name for name in scene.names("bob") if name in ("signal", "new-message")]
    assert order == ["signal"] * len(heard["bob"]) + ["new-message"]


def test_a_signal_is_acknowledged_to_its_sender_and_stands_nowhere(scenes):
    scene = scenes["signalling"]

    *acks, refused = scene.all("alice", "ack send-signal")
    assert acks == [{"success": True}] * (len(OPAQUE_VALUES) + 1)
    assert refused["error"] == "recipient_not_found"
    assert scene.all("alice", "signal") == []
    late = scene.ack("dave", "join-session")
    assert (texts(late["messages"]), late["seq"]) == (["the end"], 5)


def test_tabs_of_one_user_hear_what_is_for_it_and_what_the_other_tab_sends(scenes):
    scene = scenes["tabs"]

    assert texts(scene.all("alice", "new-message")) == ["to both tabs"]
    assert texts(scene.all("tab", "new-message")) == ["to both tabs", "from the first tab"]
    assert texts(scene.all("bob", "new-message")) == ["from the first tab", "still here"]


def test_a_user_leaves_with_the_last_of_its_tabs_and_joins_with_the_first_only(scenes):
    scene = scenes["tabs"]

    assert scene.one("bob", "user-left")["reason"] == "left"
    assert scene.names("bob")[-3:] == ["new-message", "user-left", "public-keys-updated"]
    assert user_ids(scene.ack("tab", "join-session")["members"]) == ["alice", "bob"]
    assert scene.all("bob", "user-joined") == []


def test_a_late_joiner_gets_the_bounded_history_and_learns_that_it_is_cut(scenes):
    scene = scenes["history"]

    ack = scene.ack("since undefined", "join-session")
    assert texts(ack["messages"]) == [f"message {count}" for count in range(3, 13)]
    assert ack["truncated"] is True
    assert scene.one("since undefined", "messages-history") == ack["messages"]


def test_a_joiner_with_since_gets_only_what_came_after_it(scenes):
    scene = scenes["history"]

    # Two members joined before the first message, so that message n has seq n + 2.
    whole, tail = (scene.ack(who, "join-session") for who in ("since 4", "since 12"))
    assert (texts(whole["messages"])[0], whole["truncated"]) == ("message 3", False)
    assert (texts(tail["messages"]), tail["truncated"]) == (["message 11", "message 12"], False)


def test_a_message_sent_twice_under_one_id_is_delivered_once(scenes):
    scene = scenes["repeating"]

    assert texts(scene.all("bob", "new-message")) == ["once", "the end"]
    assert scene.ack("alice", "send-message", 1) == scene.ack("alice", "send-message", 2)
    assert scene.ack("bob", "send-message")["error"] == "id_conflict"


def test_messages_joins_leaves_and_key_changes_are_counted_without_gaps(scenes):
    scene = scenes["counting"]

    assert scene.ack("alice", "join-session")["seq"] == 1
    assert scene.ack("bob", "join-session")["seq"] == 2
    assert scene.ack("alice", "send-message")["seq"] == 3
    assert scene.all("alice", "user-joined")[-1]["seq"] == scene.ack("carol", "join-session")["seq"]
    assert scene.one("alice", "user-left")["seq"] == 6
    assert scene.one("alice", "new-message")["seq"] == 7
    assert scene.all("alice", "user-joined")[-1]["seq"] == 5


def test_a_burst_arrives_whole_and_in_order(scenes):
    scene = scenes["burst"]

    sent = [f"{index} " + "x" * index for index in range(60)]
    assert texts(scene.all("bob", "new-message")) == sent
    assert texts(scene.all("alice", "ack send-message")) == sent


def test_a_numeric_user_id_comes_back_as_a_number_everywhere(scenes):
    scene = scenes["numbers"]

    assert [type(m["userId"]) for m in scene.ack("bob", "join-session")["members"]] == [int, int]
    to_number, to_text = scene.all("bob", "new-message")
    assert (to_number["from"], to_number["to"]) == (41, 42)
    assert (to_text["from"], to_text["to"]) == (41, 42)
    assert scene.one("alice", "user-typing") == {"userId": 42, "isTyping": True}
    assert scene.one("alice", "download-notification")["downloadedBy"] == 42
    assert scene.one("alice", "user-left")["userId"] == 42


# --- around messages ---


def test_typing_is_shown_to_the_others_only(scenes):
    scene = scenes["typing"]

    assert scene.all("alice", "user-typing") == [
        {"userId": "bob", "isTyping": True},
        {"userId": "bob", "isTyping": False},
    ]
    assert scene.all("bob", "user-typing") == []


def test_downloads_are_told_under_both_names_to_all_or_to_one(scenes):
    scene = scenes["downloading"]

    heard = {who: scene.all(who, "download-notification") for who in ("alice", "carol")}
    for_all = ["for-all.bin", "by-its-other-name.bin"]
    assert [told["fileName"] for told in heard["alice"]] == [*for_all, "for-alice.bin"]
    assert [told["fileName"] for told in heard["carol"]] == for_all
    assert {told["downloadedBy"] for told in heard["alice"]} == {"bob"}
    assert scene.all("bob", "download-notification") == []


# --- going, and coming back ---


def test_leaving_and_disconnecting_are_told_at_once_although_the_grace_is_long(scenes):
    scene = scenes["leaving"]

    assert [left["reason"] for left in scene.all("alice", "user-left")] == ["left", "left"]
    assert scene.all("bob", "new-message") == []


def test_a_member_that_lost_its_connection_comes_back_unnoticed_and_misses_nothing(scenes):
    scene = scenes["returning"]

    for other in ("alice", "bob"):
        names = scene.names(other)
        assert "user-left" not in names
        assert names.count("user-joined") == (2 if other == "alice" else 1)
    assert texts(scene.ack("carol", "join-session", 2)["messages"]) == ["while carol is away"]
    assert texts(scene.all("alice", "new-message")) == ["back again"]
    assert scene.one("carol", "disconnect") != "io server disconnect"


def test_a_lost_member_leaves_after_its_grace(losing):
    assert losing.one("alice", "user-left")["reason"] == "lost"


def test_clients_come_back_by_themselves_after_a_restart(restarting):
    for who in ("alice", "bob"):
        assert restarting.one(who, "disconnect") in ("transport close", "transport error")
        assert len(restarting.all(who, "connect")) == 2
    assert texts(restarting.all("bob", "new-message")) == ["after the restart"]


# --- powers and refusals ---


def test_only_the_creator_locks_and_a_locked_session_waits_for_it(scenes):
    scene = scenes["locking"]

    assert scene.ack("bob", "lock-session")["error"] == "forbidden"
    assert [lock["locked"] for lock in scene.all("bob", "session-locked")] == [True, False]
    assert scene.ack("carol", "join-session", 1)["error"] == "session_locked"
    assert scene.ack("carol", "join-session", 2)["success"] is True


def test_only_the_creator_removes_and_the_removed_one_stays_outside(scenes):
    scene = scenes["removing"]

    assert scene.ack("bob", "remove-member")["error"] == "forbidden"
    assert [e["error"] for e in scene.all("bob", "session-error")] == [
        "forbidden",
        "removed",
        "not_a_member",
        "session_locked",
    ]
    assert scene.all("bob", "new-message") == []
    assert scene.one("carol", "user-left")["reason"] == "removed"


def test_every_refusal_is_acknowledged_and_emitted_alike(scenes):
    scene = scenes["refusals"]

    refused = [
        line.data
        for line in scene.lines
        if line.who == "alice" and line.what.startswith("ack ") and not line.data["success"]
    ]
    assert [ack["error"] for ack in refused] == ["forbidden", "unknown_event", "invalid_request"]
    emitted = [{"success": False, **error} for error in scene.all("alice", "session-error")]
    assert refused == emitted


def test_a_stranger_is_told_why_it_may_not_come_in(scenes):
    scene = scenes["refusals"]

    assert [error["error"] for error in scene.all("mallory", "session-error")] == [
        "session_not_found",
        "invalid_auth_key",
        "invalid_auth_key",
        "invalid_auth_key",
        "not_a_member",
        "not_a_member",
    ]
    assert all(error["message"] for error in scene.all("mallory", "session-error"))
