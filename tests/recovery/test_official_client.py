"""socket.io-client 4.8, unmodified, whose connection drops.

What people do stands in tests/js/recovery.js; what they must have seen stands here.
"""

import re

from tests.apis.session_relay.test_official_clients import OPAQUE_VALUES, texts

SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


def states(scene, who="carol"):
    return scene.all(who, "state")


def is_restored(before, after):
    """Whether a client has its connection again, and its secret."""
    same = [before[name] == after[name] is not None for name in ("id", "pid")]
    return all(same) and after["recovered"] is True


def is_new(before, after):
    return before["id"] != after["id"] and not after["recovered"]


def since_the_drop(scene, who="carol"):
    """The names of what somebody saw after coming back."""
    names = scene.names(who)
    last = max(place for place, name in enumerate(names) if name == "disconnect")
    return names[last + 1 :]


def test_a_client_is_told_a_secret_of_256_bits(scenes):
    pids = [states(scenes[f"recovery.{name}"])[0]["pid"] for name in ("missing", "first")]

    assert all(SECRET.fullmatch(pid) for pid in pids)
    assert pids[0] != pids[1]


def test_a_client_has_the_same_connection_again(scenes):
    for name in ("missing", "nothing", "first", "several", "locked"):
        assert is_restored(*states(scenes[f"recovery.{name}"])), name


def test_it_hears_exactly_what_it_missed_in_order(scenes):
    scene = scenes["recovery.missing"]

    assert texts(scene.all("carol", "new-message")) == [
        "before the drop",
        *OPAQUE_VALUES,
        "for carol",
        "after the drop",
    ]
    seqs = [message["seq"] for message in scene.all("carol", "new-message")]
    assert seqs == sorted(seqs)
    assert scene.all("carol", "session-error") == []


def test_what_it_missed_comes_after_connect(scenes):
    names = since_the_drop(scenes["recovery.missing"])
    missed = len(OPAQUE_VALUES) + 1

    # The official client says "connect" once it has emitted what came in the same turn.
    heard = [name for name in names if name not in ("connect", "state")]
    # Redis tells of several lists the newest alone.
    lists = {place for place, name in enumerate(heard) if name == "public-keys-updated"}
    told = [name for place, name in enumerate(heard) if place not in lists]
    assert told[: missed + 3] == [
        *["new-message"] * missed,
        "download-notification",
        "user-joined",
        "user-left",
    ]
    assert max(lists) == missed + 2 + len(lists)


def test_others_hear_nothing_of_the_drop(scenes):
    for name in ("missing", "nothing", "first", "twice", "halfOpen"):
        scene = scenes[f"recovery.{name}"]
        left = [event["userId"] for event in scene.all("alice", "user-left")]
        joined = [event["userId"] for event in scene.all("alice", "user-joined")]
        assert "carol" not in left, name
        assert joined.count("carol") == 1, name


def test_a_restored_client_is_in_its_session(scenes):
    scene = scenes["recovery.missing"]

    assert scene.ack("carol", "send-message")["success"] is True
    assert texts(scene.all("bob", "new-message"))[-1] == "carol is here"


def test_it_is_restored_when_no_event_had_come_before_the_drop(scenes):
    for name in ("nothing", "first"):
        before, after = states(scenes[f"recovery.{name}"])
        assert "offset" not in before
        assert is_restored(before, after)
        assert len(scenes[f"recovery.{name}"].all("carol", "new-message")) == 1


def test_it_is_restored_again_and_again(scenes):
    scene = scenes["recovery.twice"]

    found = states(scene)
    assert len(found) == 6
    assert all(is_restored(*pair) for pair in zip(found[::2], found[1::2], strict=True))
    assert texts(scene.all("carol", "new-message")) == [f"while away {n}" for n in (1, 2, 3)]


def test_in_several_sessions_it_hears_of_each_what_it_missed(scenes):
    scene = scenes["recovery.several"]

    heard = texts(scene.all("carol", "new-message"))
    assert sorted(heard[10:]) == ["several-1 missed", "several-2 missed"]
    assert len(heard) == len(set(heard)) == 12
    assert scene.ack("carol", "send-message", 1)["success"] is True
    assert scene.ack("carol", "send-message", 2)["error"] == "not_a_member"


def test_it_is_restored_while_its_former_connection_seems_open(scenes):
    scene = scenes["recovery.halfOpen"]

    assert is_restored(*states(scene))
    assert texts(scene.all("carol", "new-message")) == [
        "before the drop",
        "into the void",
        "after the drop",
    ]
    assert texts(scene.all("bob", "new-message"))[-1] == "carol is here"


def test_who_wants_no_recovery_gets_no_secret_and_no_offsets(scenes):
    before, after = states(scenes["recovery.declining"])

    assert "pid" not in before
    assert "offset" not in before
    assert is_new(before, after)


def test_who_has_said_goodbye_is_not_restored(scenes):
    assert is_new(*states(scenes["recovery.leaving"]))


def test_who_was_put_out_meanwhile_is_not_restored_and_told_so(scenes):
    scene = scenes["recovery.removed"]

    assert is_new(*states(scene))
    assert since_the_drop(scene) == ["connect", "state"]


def test_a_lock_keeps_no_member_out(scenes):
    scene = scenes["recovery.locked"]

    assert "session-locked" in since_the_drop(scene)
    assert scene.ack("carol", "send-message")["success"] is True


def test_a_secret_is_good_for_whoever_shows_it_and_for_no_guess(scenes):
    scene = scenes["recovery.onceOnly"]

    (carol, guesser), (thief,) = states(scene), states(scene, "thief")
    assert carol["id"] == thief["id"]
    assert is_new(carol, guesser)


def test_what_had_no_answer_and_is_said_again_is_one_message(scenes):
    scene = scenes["recovery.retrying"]

    heard = texts(scene.all("alice", "new-message"))
    assert heard == [
        "without an id",
        "with an id",
        {"raw": {"base64": "AQID"}},
        "twice",
        "twice",
        "the end",
    ]
    acks = scene.all("carol", "ack send-message")
    assert [ack["success"] for ack in acks] == [True] * 6
    assert [ack["id"] for ack in acks] == [m["id"] for m in scene.all("alice", "new-message")]
    assert all(state["recovered"] for state in states(scene)[1::2])


def test_a_member_that_its_grace_put_out_comes_back_as_a_member(put_out):
    assert is_restored(*states(put_out))
    assert [left["reason"] for left in put_out.all("bob", "user-left")] == ["lost"]
    assert [joined["displayName"] for joined in put_out.all("bob", "user-joined")] == [
        "Carol",
        "Carol",
    ]
    assert texts(put_out.all("carol", "new-message")) == ["while carol is out"]
    assert "user-left" not in put_out.names("carol")
    assert "user-joined" not in put_out.names("carol")
    assert put_out.ack("carol", "send-message")["success"] is True


def test_after_that_it_has_the_list_with_itself_and_its_key(put_out):
    newest = put_out.all("carol", "public-keys-updated")[-1]

    keys = {member["userId"]: member["publicKey"] for member in newest}
    assert keys == {"alice": "alice's key", "bob": None, "carol": "carol's key"}
    assert len(put_out.all("carol", "public-keys-updated")) == 2


def test_where_it_is_turned_off_nobody_gets_a_secret(turned_off):
    assert is_new(*states(turned_off))
    assert all("pid" not in state for state in states(turned_off))
