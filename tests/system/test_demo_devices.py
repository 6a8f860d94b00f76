"""What the devices of `scripts/demo --secure-chat` agree on, and whom they do not believe."""

import pytest

from scripts.demo_parts.protocol import primitives
from scripts.demo_parts.protocol.refusal import ForgedError
from scripts.demo_parts.secure_chat.keys import ONE_TIME, Keys, to_base64
from scripts.demo_parts.secure_chat.sessions import MAX_SKIPPED, Sessions
from scripts.demo_parts.secure_chat.x3dh import answer, begin, read_bundles


@pytest.fixture
def alices():
    return Keys(primitives.random(32))


@pytest.fixture
def bobs():
    return Keys(primitives.random(32))


def published(keys, one_time=0, version=1):
    """As the server gives a user's keys, with the one-time prekey of a number, or none."""
    known = keys.published()
    device = {
        "deviceId": "phone",
        "keyVersion": version,
        "signedPreKey": known["signedPreKey"],
        "oneTimePreKey": None if one_time is None else known["preKeys"][one_time],
    }
    return {"userId": "bob", "identityPublicKey": to_base64(keys.identity), "devices": [device]}


def bundle_of(keys, one_time=0):
    return read_bundles(published(keys, one_time))[0]


@pytest.mark.parametrize("one_time", [None, 0, ONE_TIME - 1])
def test_both_agree_on_one_secret_though_one_is_away(alices, bobs, one_time):
    begun = begin(alices, bundle_of(bobs, one_time))
    other = begin(alices, bundle_of(bobs, one_time))

    answered = answer(bobs, begun.opening)

    assert (answered.secret, answered.bound) == (begun.secret, begun.bound)
    assert other.secret != begun.secret
    assert (begun.opening["oneTimePreKeyId"] is None) == (one_time is None)


def test_a_one_time_prekey_opens_once(alices, bobs):
    begun = begin(alices, bundle_of(bobs))
    answer(bobs, begun.opening)

    with pytest.raises(ForgedError, match="used before"):
        answer(bobs, begun.opening)


def test_what_was_begun_with_keys_of_before_a_rotation_does_not_open(alices, bobs):
    begun = begin(alices, bundle_of(bobs))
    bobs.renew()

    with pytest.raises(ForgedError, match="rotated away"):
        answer(bobs, begun.opening)


def test_who_pretends_to_be_another_agrees_on_another_secret(alices, bobs):
    begun = begin(Keys(primitives.random(32)), bundle_of(bobs))

    claimed = answer(bobs, {**begun.opening, "identityPublicKey": to_base64(alices.identity)})

    assert claimed.secret != begun.secret


def test_keys_that_a_server_has_swapped_are_refused(alices, bobs):
    theirs, own = published(bobs), published(alices)
    swapped = [{**theirs["devices"][0], "signedPreKey": own["devices"][0]["signedPreKey"]}]

    with pytest.raises(ForgedError, match="signature"):
        read_bundles({**theirs, "devices": swapped})
    with pytest.raises(ForgedError, match="another identity key"):
        read_bundles(own, pinned=bobs.identity)
    assert read_bundles(theirs, pinned=bobs.identity)


# --- messages ---


@pytest.fixture
def alice(alices):
    return Sessions(alices, "alice", "phone")


@pytest.fixture
def bob(bobs):
    return Sessions(bobs, "bob", "phone")


def sent(sessions, message_id, text, *peers):
    """As the server gives it to others."""
    message = sessions.encrypt(message_id, text, list(peers))
    return {**message, "senderId": sessions.user_id, "senderDeviceId": sessions.device_id}


def test_messages_are_read_both_ways_and_only_once(alice, bob):
    peer = alice.agree(bundle_of(bob.keys))
    messages = [sent(alice, f"m-{n}", f"text {n}", peer) for n in range(3)]

    assert [bob.decrypt(one) for one in messages] == ["text 0", "text 1", "text 2"]
    reply = sent(bob, "m-3", "and back", ("alice", "phone"))
    assert alice.decrypt(reply) == "and back"
    with pytest.raises(ForgedError):
        bob.decrypt(messages[2])


def test_a_lost_message_keeps_none_after_it_from_being_read(alice, bob):
    peer = alice.agree(bundle_of(bob.keys))
    for number in range(MAX_SKIPPED - 1):
        sent(alice, f"lost {number}", "lost", peer)

    assert bob.decrypt(sent(alice, "m-1", "here", peer)) == "here"
    for number in range(MAX_SKIPPED):
        sent(alice, f"lost {number}", "lost", peer)
    with pytest.raises(ForgedError, match="place in its chain"):
        bob.decrypt(sent(alice, "m-2", "too far ahead", peer))


@pytest.mark.parametrize("field", ["messageId", "senderId", "encryptedContent"])
def test_what_was_changed_on_the_way_is_refused(alice, bob, field):
    message = sent(alice, "m-1", "text", alice.agree(bundle_of(bob.keys)))
    other = sent(alice, "m-2", "other", ("bob", "phone"))

    with pytest.raises(ForgedError):
        bob.decrypt({**message, field: "mallory" if field == "senderId" else other[field]})


def test_after_a_rotation_a_peer_begins_anew(alice, bob):
    bundle = bundle_of(bob.keys)
    first = sent(alice, "m-1", "before", alice.agree(bundle))
    bob.decrypt(first)
    bob.keys.renew()
    bob.forget()

    peer = alice.agree(read_bundles(published(bob.keys, version=2))[0])

    assert bob.decrypt(sent(alice, "m-2", "after", peer)) == "after"


def test_everything_that_is_secret_is_told_for_the_search(alices):
    former = {alices.device.secret, alices.signed.secret, alices.take_one_time(1).secret}
    alices.renew()
    known = set(alices.secrets())

    assert former | {alices.seed, alices.device.secret, alices.signed.secret} <= known
    assert len(known) == 1 + 2 * (2 + ONE_TIME)
