"""A member of the Python client at work: without a network."""

import json

from scripts.demo_parts.protocol.strangers.evidence import check_evidence
from scripts.demo_parts.protocol.strangers.keys import read_keys
from scripts.demo_parts.strangers.inbox import Notice
from scripts.demo_parts.strangers.keyring import Keyring
from tests.web.strangers.by_hand import GROUP, alarms, states, texts


def test_three_talk_and_nobody_is_alarmed(relay, trio):
    for member in trio:
        relay.say(member, f"hello from {member.user_id}")

    for member in trio:
        others = [f"hello from {one.user_id}" for one in trio if one is not member]
        assert texts(member) == others
        assert alarms(member) == []
    assert len({tuple(one.group_number()) for one in trio}) == 1


def test_keys_are_due_a_while_after_a_change_and_once_for_many(relay, trio):
    ann = trio[0]
    assert not ann.are_keys_due
    relay.join("Di")
    relay.clock.advance(seconds=0.2)
    relay.join("Ed")
    relay.clock.advance(seconds=0.2)
    assert not ann.are_keys_due
    relay.clock.advance(seconds=0.2)
    assert ann.are_keys_due
    relay.give_keys(ann)
    assert not ann.are_keys_due


def test_a_chain_of_keys_ends_after_a_hundred_messages(relay, trio):
    ann, bob, _ = trio
    for number in range(100):
        relay.say(ann, f"text {number}")

    assert ann.outbox.needs_keys
    relay.give_keys(ann)
    relay.say(ann, "text 100")
    assert texts(bob) == [f"text {number}" for number in range(101)]


def test_who_has_left_gets_no_keys_and_a_newcomer_none_of_before(relay, trio):
    ann, bob, cy = trio
    before = relay.seal(ann, "before")
    relay.deliver(before, bob, cy)
    relay.leave(cy)
    di = relay.join("Di")
    keys, after = relay.keys_of(ann), relay.seal(ann, "after")
    relay.deliver(before, di)
    for member in (bob, cy, di):
        relay.deliver(keys, member)
        relay.deliver(after, member)

    assert (texts(bob), texts(cy), texts(di)) == (["before", "after"], ["before"], ["after"])


def test_what_is_repeated_left_out_late_or_forged_is_shown(relay, trio):
    ann, bob, cy = trio
    one, two, three = (relay.seal(ann, text) for text in ("one", "two", "three"))
    for message in (one, one, three, two):
        relay.deliver(message, bob)
    relay.deliver({**three, "senderId": cy.user_id}, bob)
    relay.deliver({**three, "to": bob.user_id}, bob)

    assert texts(bob) == ["one", "three", "two"]
    assert alarms(bob) == [
        Notice("repeated", ann.user_id),
        Notice("missing", ann.user_id, 1),
    ]
    assert states(bob) == ["received"] * 3 + ["refused forged"] * 2
    assert bob.inbox.entries[2].is_late


def test_what_was_held_back_at_the_end_is_missed_with_the_next_keys(relay, trio):
    ann, bob, _ = trio
    relay.seal(ann, "held back")
    relay.join("Di")
    relay.give_keys(ann, bob)

    assert alarms(bob) == [Notice("missing", ann.user_id, 1)]


def test_lost_keys_are_asked_for_and_given_to_nobody_else(relay, trio):
    ann, bob, cy = trio
    relay.leave(cy)
    relay.keys_of(ann)
    relay.deliver(relay.seal(ann, "with lost keys"), bob)
    assert states(bob) == ["waiting"]
    relay.clock.advance(seconds=2)
    bob.tick()
    relay.carry_letters(bob)
    again = ann.letters[0]
    relay.carry_letters(ann)

    assert texts(bob) == ["with lost keys"]
    assert alarms(bob) == []
    assert [*read_keys(ann.place, ann.card, again.encrypted).wrapped] == [bob.card.member_id]


def test_keys_that_nobody_gives_leave_a_message_that_cannot_be_read(relay, trio):
    ann, bob, _ = trio
    relay.join("Di")
    relay.keys_of(ann)
    relay.deliver(relay.seal(ann, "without keys"), bob)
    for _ in range(6):
        relay.clock.advance(seconds=4)
        bob.tick()

    assert states(bob) == ["unreadable no-key"]
    assert len(bob.letters) == 3


def test_what_comes_of_another_client_is_shown_as_such(relay, trio):
    ann = trio[0]
    relay.cards["7"] = '{"kty":"RSA"}'
    relay.epoch += 1
    relay.rotate(*trio)
    rob = {"groupId": GROUP, "id": "m", "senderId": 7, "encryptedContent": "{}", "seq": 99}
    ann.hear("new_message", {**rob, "messageType": "text"})
    ann.hear("new_message", {**rob, "messageType": "key_exchange"})

    assert states(ann) == ["unreadable no-card"]
    assert alarms(ann) == []


def test_a_blocked_member_is_neither_heard_nor_given_keys(relay, trio):
    ann, bob, cy = trio
    ann.block(cy.user_id)
    relay.say(cy, "hello Ann")
    assert ann.outbox.needs_keys
    relay.give_keys(ann)
    relay.say(ann, "not for Cy")

    assert texts(ann) == []
    assert texts(bob) == ["hello Ann", "not for Cy"]
    assert states(cy) == ["unreadable not-for-us"]


def test_a_blocked_member_is_no_longer_waited_for(relay, trio):
    ann, bob, _ = trio
    relay.join("Di")
    keys = relay.keys_of(bob)
    relay.deliver(relay.seal(bob, "without keys"), ann)
    assert states(ann) == ["waiting"]
    ann.block(bob.user_id)
    ann.block(bob.user_id, is_blocked=False)
    relay.deliver(keys, ann)

    assert texts(ann) == []


def test_what_comes_of_nobody_is_given_up_after_a_while(relay, trio):
    ann = trio[0]
    told = {"groupId": GROUP, "id": "m", "senderId": "nobody", "encryptedContent": "", "seq": 99}
    ann.hear("new_message", {**told, "messageType": "text"})
    relay.clock.advance(seconds=14)
    ann.tick()
    assert states(ann) == ["waiting"]
    relay.clock.advance(seconds=1)
    ann.tick()

    assert states(ann) == ["unreadable no-card"]


def test_each_sender_is_asked_for_a_few_chains_at_once_in_one_request(trio):
    ann = trio[0]
    keyring = Keyring(ann.place, ann.keyring.identity, ann.epochs, print, print)
    for number in range(200):
        keyring.want("eve", number.to_bytes(16), 0)
    keyring.want("bob", bytes(range(16)), 0)
    asked = [keyring.due(now_ms)[0] for now_ms in (1_000, 5_000, 9_000, 13_000)]

    once = {"eve": 4, "bob": 1}
    counts = [{user_id: len(ids) for user_id, ids in one.items()} for one in asked]
    assert counts == [once, once, once, {}]


def test_all_that_is_lacking_is_asked_for_in_turn(relay, trio):
    ann, bob, _ = trio
    for number in range(4):
        relay.join(f"Another {number}")
        relay.keys_of(ann)
        relay.deliver(relay.seal(ann, f"text {number}"), bob)
    relay.clock.advance(seconds=2)
    bob.tick()
    assert len(bob.letters) == 1
    relay.carry_letters(bob, ann)

    assert texts(bob) == [f"text {number}" for number in range(4)]


def test_what_is_heard_before_what_was_missed_waits_for_it(relay, trio):
    ann, bob, _ = trio
    bob.lose()
    missed = relay.seal(ann, "missed")
    relay.deliver(relay.seal(ann, "later"), bob)
    assert texts(bob) == []
    bob.catch_up([missed])

    assert texts(bob) == ["missed", "later"]
    assert alarms(bob) == []


def test_evidence_shows_the_newest_of_more_than_a_relay_takes(relay, trio):
    ann, bob, _ = trio
    for number in range(40):
        relay.say(ann, f"insult {number}")
    evidence = bob.evidence(ann.user_id)
    shown = [one.content for one in check_evidence(evidence, GROUP, ann.user_id)]

    assert shown == [{"text": f"insult {number}"} for number in range(40 - len(shown), 40)]
    assert evidence["leftOut"] == 40 - len(shown)
    size = len(json.dumps(evidence, separators=(",", ":")))
    assert 32 * 1024 - 1_000 < size <= 32 * 1024


def test_evidence_holds_of_somebody_whose_new_key_was_believed(relay, trio):
    ann, bob, cy = trio
    relay.say(bob, "before")
    relay.leave(bob)
    again = relay.join("Bob")
    assert ann.trust(again.user_id)
    relay.give_keys(again, ann)
    relay.say(again, "after")
    evidence = ann.evidence(bob.user_id)

    (shown,) = check_evidence(evidence, GROUP, bob.user_id)
    assert shown.content == {"text": "after"}
    assert evidence["leftOut"] == 1
    (shown,) = check_evidence(cy.evidence(bob.user_id), GROUP, bob.user_id)
    assert shown.content == {"text": "before"}
