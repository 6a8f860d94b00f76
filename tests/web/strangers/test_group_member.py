"""A member of the Python client, and what a relay that cheats achieves with it: without a network.

Messages are handed from one to the other by hand, so that each test is the relay.
"""

from dataclasses import dataclass, field

import pytest

from scripts.demo_parts.protocol.identity import new_identity
from scripts.demo_parts.protocol.strangers.cards import read_stranger_card, write_stranger_card
from scripts.demo_parts.protocol.strangers.keys import read_keys
from scripts.demo_parts.strangers.inbox import Notice
from scripts.demo_parts.strangers.member import GroupMember
from tests.clocks import ManualClock

GROUP = "123e4567-e89b-12d3-a456-426614174000"


@dataclass
class Relay:
    """It does its work until a test has it cheat."""

    clock: ManualClock = field(default_factory=ManualClock)
    members: dict[str, GroupMember] = field(default_factory=dict)
    cards: dict[str, str] = field(default_factory=dict)
    epoch: int = 0
    seq: int = 0

    def join(self, name):
        identity, user_id = new_identity(), f"u-{name}"
        self.cards[user_id] = write_stranger_card(identity, user_id, name, 1)
        self.epoch += 1
        group = {"id": GROUP, "name": "Tea", "seq": self.seq, **self.told()}
        card = read_stranger_card(self.cards[user_id], user_id)
        member = GroupMember(group, identity, card, self.clock.now_ms)
        self.rotate(*self.members.values())
        self.members[user_id] = member
        return member

    def gather(self, *names):
        """All of them, with each other's keys."""
        members = [self.join(name) for name in names]
        for member in members:
            self.give_keys(member)
        return members

    def leave(self, member, *told):
        del self.members[member.user_id], self.cards[member.user_id]
        self.epoch += 1
        self.rotate(*(told or self.members.values()))

    def told(self):
        members = [{"userId": one, "publicKey": card} for one, card in self.cards.items()]
        return {"groupId": GROUP, "epoch": self.epoch, "members": members}

    def rotate(self, *members):
        for member in members:
            member.hear("key_rotation_needed", self.told())

    def message(self, sender, encrypted, kind="text", message_id="keys", **changes):
        self.seq += 1
        told = {"groupId": GROUP, "id": message_id, "senderId": sender.user_id, "to": None}
        sent = {"encryptedContent": encrypted, "messageType": kind, "seq": self.seq}
        return {**told, **sent, **changes}

    def keys_of(self, sender):
        """The message that gives its new keys; they count as sent."""
        keys = sender.outbox.begin_chain()
        sender.outbox.keys_sent()
        return self.message(sender, keys, "key_exchange")

    def give_keys(self, sender, *members):
        self.deliver(self.keys_of(sender), *(members or self.members.values()))

    def seal(self, sender, text):
        """A message that counts as sent, with its keys if there are new ones."""
        assert not sender.outbox.needs_keys
        envelope = sender.outbox.seal(text, self.clock.now_ms())
        sender.outbox.settle(envelope)
        return self.message(sender, envelope.text, message_id=envelope.head.draft.message_id)

    def deliver(self, message, *members):
        for member in members or self.members.values():
            member.hear("new_message", message)

    def say(self, sender, text):
        self.deliver(self.seal(sender, text))

    def carry_letters(self, *members):
        for member in members:
            while member.letters:
                letter = member.letters.popleft()
                told = self.message(member, letter.encrypted, "key_exchange", to=letter.to)
                self.deliver(told, self.members[letter.to])


@pytest.fixture
def relay():
    return Relay()


@pytest.fixture
def trio(relay):
    return relay.gather("Ann", "Bob", "Cy")


def texts(member):
    return [one.text for one in member.inbox.entries if one.status == "received"]


def troubles(member):
    return [one.code for one in member.notices]


def states(member):
    return [f"{one.status} {one.reason}".strip() for one in member.inbox.entries]


def test_three_talk_and_nobody_is_alarmed(relay, trio):
    for member in trio:
        relay.say(member, f"hello from {member.user_id}")

    for member in trio:
        others = [f"hello from {one.user_id}" for one in trio if one is not member]
        assert texts(member) == others
        assert member.notices == []
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


def test_a_swapped_key_is_shown_and_gets_nothing(relay, trio):
    ann, bob, cy = trio
    relay.cards[bob.user_id] = write_stranger_card(new_identity(), bob.user_id, "Bob", 2)
    relay.epoch += 1
    relay.rotate(ann, cy)

    assert troubles(ann) == ["key-changed"]
    assert [card.user_id for card in ann.people.recipients()] == [cy.user_id]
    assert ann.trust(bob.user_id)
    assert len(ann.people.recipients()) == 2


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


def test_what_is_repeated_left_out_late_or_forged_is_shown(relay, trio):
    ann, bob, cy = trio
    one, two, three = (relay.seal(ann, text) for text in ("one", "two", "three"))
    for message in (one, one, three, two):
        relay.deliver(message, bob)
    relay.deliver({**three, "senderId": cy.user_id}, bob)
    relay.deliver({**three, "to": bob.user_id}, bob)

    assert texts(bob) == ["one", "three", "two"]
    assert bob.notices == [
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

    assert bob.notices == [Notice("missing", ann.user_id, 1)]


def test_keys_of_an_epoch_that_was_not_told_hold_the_sender_and_are_shown(relay, trio):
    ann, bob, cy = trio
    relay.leave(cy, bob)
    relay.give_keys(bob, ann)
    assert ann.is_held
    relay.clock.advance(seconds=11)
    ann.tick()
    ann.tick()
    assert troubles(ann) == ["behind"]
    relay.rotate(ann)

    assert not ann.is_held
    relay.say(bob, "Cy has gone")
    assert texts(ann) == ["Cy has gone"]


def test_a_sender_who_still_speaks_to_the_gone_is_shown(relay, trio):
    ann, bob, cy = trio
    relay.leave(cy, bob)
    relay.clock.advance(seconds=31)
    relay.deliver(relay.seal(ann, "hello Cy"), bob)

    assert texts(bob) == ["hello Cy"]
    assert bob.notices == [Notice("behind", ann.user_id)]


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
    assert bob.notices == []
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


def test_whose_place_is_taken_by_another_key_is_out(relay, trio):
    ann = trio[0]
    relay.cards[ann.user_id] = write_stranger_card(new_identity(), ann.user_id, "Ann", 2)
    relay.epoch += 1
    relay.rotate(ann)

    assert ann.ended == "replaced"


def test_what_comes_of_another_client_is_shown_as_such(relay, trio):
    ann = trio[0]
    relay.cards["7"] = '{"kty":"RSA"}'
    relay.epoch += 1
    relay.rotate(*trio)
    rob = {"groupId": GROUP, "id": "m", "senderId": 7, "encryptedContent": "{}", "seq": 99}
    ann.hear("new_message", {**rob, "messageType": "text"})
    ann.hear("new_message", {**rob, "messageType": "key_exchange"})

    assert states(ann) == ["unreadable no-card"]
    assert ann.notices == []


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
