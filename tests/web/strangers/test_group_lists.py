"""What a relay that lies about who is there achieves with the Python client, or a member."""

import pytest

from scripts.demo_parts.protocol.envelopes import NO_HASH
from scripts.demo_parts.protocol.identity import new_identity
from scripts.demo_parts.protocol.strangers.cards import write_stranger_card
from scripts.demo_parts.protocol.strangers.chains import ChainTag, KeyChain
from scripts.demo_parts.protocol.strangers.keys import open_keys, read_keys, write_keys
from scripts.demo_parts.strangers.epochs import Epochs, Told, Verdict
from scripts.demo_parts.strangers.inbox import Notice
from tests.web.strangers.by_hand import alarms, states, texts, troubles


def speak_ahead(relay, sender, lead):
    """Sign keys for an epoch of which the relay has told nobody."""
    tag = ChainTag(sender.card.member_id, relay.epoch + lead, bytes(32), 1)
    chain = KeyChain(sender.place, tag)
    keys = write_keys(sender.keyring.identity, chain, NO_HASH, [])
    relay.deliver(relay.message(sender, keys, "key_exchange"))


def ghost_with(relay):
    """What the relay tells with somebody in it who never came."""
    card = write_stranger_card(new_identity(), "u-Ghost", "Ghost", 1)
    told = relay.told()
    return {**told, "members": [*told["members"], {"userId": "u-Ghost", "publicKey": card}]}


def test_a_swapped_key_is_shown_and_gets_nothing(relay, trio):
    ann, bob, cy = trio
    relay.cards[bob.user_id] = write_stranger_card(new_identity(), bob.user_id, "Bob", 2)
    relay.epoch += 1
    relay.rotate(ann, cy)

    assert troubles(ann) == ["key-changed"]
    assert [card.user_id for card in ann.outbox.recipients()] == [cy.user_id]
    assert ann.trust(bob.user_id)
    assert len(ann.outbox.recipients()) == 2


def test_two_lists_under_one_number_are_shown_and_their_keys_refused(relay, trio):
    ann, bob, _ = trio
    relay.epoch += 1
    relay.cards["u-Ghost"] = write_stranger_card(new_identity(), "u-Ghost", "Ghost", 1)
    relay.rotate(ann)
    del relay.cards["u-Ghost"]
    relay.rotate(bob)
    relay.deliver(relay.keys_of(ann), bob)
    relay.deliver(relay.seal(ann, "who is here?"), bob)
    relay.rotate(ann)

    assert troubles(bob) == ["split"]
    assert texts(bob) == []
    assert troubles(ann) == ["split"]
    assert ann.people.all["u-Ghost"].is_present


def test_an_epoch_cannot_go_back(relay, trio):
    ann = trio[0]
    ann.follow({**relay.told(), "epoch": 1})

    assert troubles(ann) == ["split"]
    assert ann.epochs.newest == 3


def test_keys_of_an_epoch_that_was_not_told_hold_the_sender_and_are_shown(relay, trio):
    ann, bob, cy = trio
    relay.leave(cy, bob)
    relay.give_keys(bob, ann)
    assert ann.is_held
    relay.clock.advance(seconds=11)
    ann.tick()
    ann.tick()
    assert alarms(ann) == [Notice("told-less", bob.user_id)]
    assert not ann.is_held
    relay.rotate(ann)

    relay.say(bob, "Cy has gone")
    assert texts(ann) == ["Cy has gone"]


def test_a_sender_who_still_speaks_to_the_gone_is_shown(relay, trio):
    ann, bob, cy = trio
    relay.leave(cy, bob)
    relay.clock.advance(seconds=31)
    relay.deliver(relay.seal(ann, "hello Cy"), bob)

    assert texts(bob) == ["hello Cy"]
    assert alarms(bob) == [Notice("behind", ann.user_id)]


def test_whose_place_is_taken_by_another_key_is_out(relay, trio):
    ann = trio[0]
    relay.cards[ann.user_id] = write_stranger_card(new_identity(), ann.user_id, "Ann", 2)
    relay.epoch += 1
    relay.rotate(ann)

    assert ann.ended == "replaced"


def test_a_list_of_before_brings_nobody_back_word_for_word(relay, trio):
    ann, bob, cy = trio
    old = relay.told()
    relay.leave(cy)
    ann.hear("key_rotation_needed", old)
    ann.hear("joined_group", {"group": {"id": ann.group_id, **old}})
    keys = relay.keys_of(ann)

    assert troubles(ann) == ["split", "split"]
    assert not ann.people.all[cy.user_id].is_present
    note = read_keys(ann.place, ann.card, keys["encryptedContent"])
    assert open_keys(ann.place, cy.keyring.identity, note) is None
    assert open_keys(ann.place, bob.keyring.identity, note)


def test_only_who_is_in_the_list_that_the_keys_name_can_read(trio):
    ann, bob, _ = trio

    assert ann.people.recipients_among(frozenset([ann.card.member_id, bob.card.member_id])) == [
        ann.people.all[bob.user_id].card
    ]


def test_a_list_that_one_alone_was_told_is_found_out_by_the_others(relay, trio):
    ann, bob, cy = trio
    relay.epoch += 1
    bob.hear("key_rotation_needed", ghost_with(relay))
    keys, said = relay.keys_of(bob), relay.seal(bob, "for three, thinks Bob")
    relay.epoch += 1
    relay.rotate(ann, cy)
    for member in (ann, cy):
        relay.deliver(keys, member)
        relay.deliver(said, member)

        assert alarms(member) == [Notice("split", ""), Notice("split", bob.user_id)]
        assert states(member) == ["unreadable no-key"]
        assert member.epochs.newest == relay.epoch


def test_lists_that_passed_while_there_was_no_connection_are_no_trouble(relay, trio):
    ann, bob, cy = trio
    before = len(ann.notices)
    ann.lose()
    relay.leave(cy, bob)
    keys, said = relay.keys_of(bob), relay.seal(bob, "Cy has gone")
    relay.join("Di")
    ann.hear("joined_group", {"group": {"id": ann.group_id, **relay.told()}})
    ann.catch_up([keys, said])

    assert texts(ann) == ["Cy has gone"]
    assert alarms(ann) == []
    assert ann.notices[before:] == [Notice("arrived", "u-Di"), Notice("left", cy.user_id)]


def test_nobody_listens_even_for_a_moment_without_a_notice(relay, trio):
    ann = trio[0]
    before = len(ann.notices)
    relay.epoch += 1
    ann.hear("key_rotation_needed", ghost_with(relay))
    relay.epoch += 1
    relay.rotate(ann)

    assert ann.notices[before:] == [Notice("arrived", "u-Ghost"), Notice("left", "u-Ghost")]


def test_words_alone_make_nobody_come_or_go_but_give_the_reason(relay, trio):
    ann, bob, _ = trio
    before = len(ann.notices)
    here = {"groupId": ann.group_id}
    ann.hear("user_joined", {**here, "userId": "u-Ghost"})
    ann.hear("user_left", {**here, "userId": bob.user_id, "reason": "lost"})
    assert len(ann.notices) == before
    relay.leave(bob)

    assert ann.notices[before:] == [Notice("lost", bob.user_id)]


def test_one_member_holds_the_others_for_ten_seconds_once_and_is_named(relay, trio):
    ann, _, eve = trio
    speak_ahead(relay, eve, 1)
    assert ann.is_held
    relay.clock.advance(seconds=9)
    ann.tick()
    assert ann.is_held
    relay.clock.advance(seconds=1)
    ann.tick()
    assert not ann.is_held
    speak_ahead(relay, eve, 2)

    assert not ann.is_held
    assert alarms(ann) == [Notice("told-less", eve.user_id)]


@pytest.mark.parametrize(
    "end",
    [
        lambda relay, ann, eve: ann.block(eve.user_id),
        lambda relay, ann, eve: relay.leave(eve),
    ],
    ids=["is blocked", "has gone"],
)
def test_nobody_is_held_by_one_who(relay, trio, end):
    ann, _, eve = trio
    speak_ahead(relay, eve, 2)
    assert ann.is_held
    end(relay, ann, eve)

    assert not ann.is_held
    assert alarms(ann) == []


def test_an_epoch_that_is_far_away_holds_nobody_and_is_shown_at_once(relay, trio):
    ann, _, eve = trio
    speak_ahead(relay, eve, 65)

    assert not ann.is_held
    assert alarms(ann) == [Notice("split", eve.user_id)]


def test_what_was_lied_about_an_epoch_holds_nobody_again(relay, trio):
    ann, _, eve = trio
    speak_ahead(relay, eve, 1)
    relay.join("Di")
    assert not ann.is_held
    speak_ahead(relay, eve, 1)

    assert not ann.is_held
    assert alarms(ann) == [Notice("split", eve.user_id)]


def test_notes_of_a_time_without_a_connection_push_nothing_out_that_was_told():
    eve, mal, epochs = bytes(24), bytes(range(24)), Epochs(bytes(32))
    entries = [("eve", eve)]
    epochs.tell(1, entries, 0)
    epochs.away()
    assert epochs.tell(1_000, entries, 0) is Told.NEW
    members = epochs.members
    for sender, first in ((eve, 500), (mal, 600)):
        assert epochs.judge(1, members, eve) is Verdict.GOOD
        verdicts = []
        for epoch in range(first, first + 40):
            verdicts.append(epochs.judge(epoch, bytes(32), sender))
            if verdicts[-1] is Verdict.GOOD:
                epochs.note(epoch, bytes(32), sender)
        assert verdicts == [Verdict.GOOD] * 32 + [Verdict.SPLIT] * 8

    assert epochs.judge(1_000, members, eve) is Verdict.GOOD
    assert epochs.judge(1, members, eve) is Verdict.BEFORE


def test_the_lowest_epoch_is_forgotten_first():
    ann, epochs = bytes(24), Epochs(bytes(32))
    for epoch in range(1, 101):
        epochs.tell(epoch, [("ann", ann)], 0)

    judged = [epochs.judge(epoch, epochs.members, ann) for epoch in (36, 37, 100)]
    assert judged == [Verdict.BEFORE, Verdict.GOOD, Verdict.GOOD]
