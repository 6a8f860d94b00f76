"""A relay by hand, for members of the Python client: without a network.

Messages are handed from one to the other, so that each test is the relay.
"""

from dataclasses import dataclass, field

from scripts.demo_parts.protocol.identity import new_identity
from scripts.demo_parts.protocol.strangers.cards import read_stranger_card, write_stranger_card
from scripts.demo_parts.strangers.member import GroupMember
from tests.clocks import ManualClock

QUIET = ("arrived", "left", "lost", "removed")

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


def texts(member):
    return [one.text for one in member.inbox.entries if one.status == "received"]


def alarms(member):
    """What a relay that does its work never causes."""
    return [one for one in member.notices if one.code not in QUIET]


def troubles(member):
    return [one.code for one in alarms(member)]


def states(member):
    return [f"{one.status} {one.reason}".strip() for one in member.inbox.entries]
