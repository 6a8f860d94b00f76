"""The Python client against a relay that cheats, which is each test: it carries what it likes."""

import itertools
from dataclasses import replace

import pytest

from scripts.demo_parts.client.inbox import Notice
from scripts.demo_parts.client.member import Member
from scripts.demo_parts.protocol.cards import write_card
from scripts.demo_parts.protocol.chunks import seal_file
from scripts.demo_parts.protocol.contents import File, Remove, Text
from scripts.demo_parts.protocol.envelopes import read_envelope, write_envelope
from scripts.demo_parts.protocol.identity import new_identity
from scripts.demo_parts.protocol.link import Link, new_link
from scripts.demo_parts.protocol.packing import from_text, pack, to_text, u64, unpack
from tests.clocks import ManualClock

EVERYBODY = b""


class Session:
    """Three members, and what a relay would carry between them."""

    def __init__(self, shares_history=False):
        self.clock = ManualClock()
        creator = new_identity()
        self.link = new_link(creator.member_id, shares_history)
        self.ann = self.member("Ann", creator)
        self.bob, self.cy = self.member("Bob"), self.member("Cy")

    def member(self, name, identity=None):
        return Member(self.link, identity or new_identity(), name, self.clock.now_ms)

    def show(self, *members, to=(), cards=None):
        """Tell some that these are there, as the answer to joining does."""
        shown = [
            {"userId": one.user_id, "publicKey": (cards or {}).get(one.user_id) or one.card()}
            for one in members
        ]
        for one in to or members:
            one.joined({"members": shown, "messages": [], "truncated": False})

    def say(self, sender, text, to=None):
        """What the relay is given, and has acknowledged."""
        return self.send(sender, Text(text), to)

    def send(self, sender, content, to=None):
        envelope = sender.seal(content, to.identity.member_id if to else EVERYBODY)
        sender.outbox.settle(envelope)
        return {
            "id": envelope.head.message_id,
            "from": sender.user_id,
            "to": to.user_id if to else None,
            "encrypted": envelope.text,
        }

    def carry_signals(self, *members):
        """Bring all signals where they belong, until there are none."""
        while any(one.postman.letters for one in members):
            for sender, letter in [
                (one, one.postman.letters.popleft()) for one in members if one.postman.letters
            ]:
                told = {"from": sender.user_id, "encrypted": letter.encrypted}
                for reader in members:
                    if reader is not sender and letter.to in (None, reader.user_id):
                        reader.hear("signal", told)


@pytest.fixture
def session():
    """All three know each other, and have told so."""
    one = Session()
    one.show(one.ann, one.bob, one.cy)
    one.carry_signals(one.ann, one.bob, one.cy)
    return one


def texts(member):
    return [entry.content.text for entry in member.inbox.entries if entry.content]


def states(member):
    return [(entry.status, entry.reason) for entry in member.inbox.entries]


def codes(member):
    return [notice.code for notice in member.inbox.notices]


# --- cards ---


def test_a_card_that_the_relay_made_is_refused_and_gets_no_key():
    session = Session()
    relay = new_identity()
    guess = Link(session.link.session_id, bytes(32), session.link.creator)
    mallory = Member(guess, relay, "Mallory", session.clock.now_ms)

    session.show(session.ann, session.bob, mallory, to=[session.ann])

    assert codes(session.ann) == ["card-refused"]
    readers = session.ann.roster.recipients(EVERYBODY)
    assert {card.name for card in readers} == {"Ann", "Bob"}


def test_another_members_card_and_an_older_one_are_refused(session):
    newest, others = session.bob.card(), session.cy.card()
    old = write_card(session.link, session.bob.identity, "Robert", 1)

    session.show(session.ann, session.bob, to=[session.ann], cards={session.bob.user_id: newest})
    for card in (others, old):
        cards = {session.bob.user_id: card}
        session.show(session.ann, session.bob, to=[session.ann], cards=cards)

    assert codes(session.ann) == ["card-refused"] * 2
    assert session.ann.roster.name_of(session.bob.user_id) == "Bob"


# --- messages ---


def test_a_message_that_was_dropped_is_missed_and_may_still_come_late(session):
    first, second, third = (session.say(session.ann, word) for word in ("1", "2", "3"))

    for relayed in (first, third, second):
        session.bob.hear("new-message", relayed)

    assert session.bob.inbox.notices == [Notice("missing", session.ann.user_id, 1)]
    assert [(one.content.text, one.is_late) for one in session.bob.inbox.entries] == [
        *(("1", False), ("3", False)),
        ("2", True),
    ]


def test_a_message_that_is_brought_again_is_noticed_and_shown_once(session):
    relayed = session.say(session.ann, "once")

    for _ in range(2):
        session.bob.hear("new-message", relayed)
    session.bob.joined({"members": [], "messages": [relayed], "truncated": False})

    assert texts(session.bob) == ["once"]
    assert codes(session.bob) == ["repeated"]


@pytest.mark.parametrize("at", range(0, 1_000, 37))
def test_a_message_that_was_edited_is_refused(session, at):
    relayed = session.say(session.ann, "hello")
    data = bytearray(from_text(relayed["encrypted"]))
    data[at % len(data)] ^= 1

    session.bob.hear("new-message", {**relayed, "encrypted": to_text(bytes(data))})

    assert states(session.bob) == [("refused", "forged")]


def test_a_message_under_another_id_sender_or_audience_is_refused(session):
    relayed = session.say(session.ann, "for Bob", session.bob)
    other = session.say(session.ann, "for all")

    for change in ({"id": other["id"]}, {"from": session.cy.user_id}, {"to": None}):
        session.bob.hear("new-message", {**relayed, **change})
    session.bob.hear("new-message", {**other, "to": session.bob.user_id})
    session.cy.hear("new-message", relayed)

    assert states(session.bob) == [("refused", "forged")] * 4
    assert states(session.cy) == [("refused", "not-for-us")]


def test_a_message_whose_keys_are_none_is_refused_but_counts(session):
    envelope = session.ann.seal(Text("hello"), EVERYBODY)
    fields = unpack(envelope.packed_head, 12)
    packed = pack(*fields[:11], b"no keys")
    signed = pack(b"hushwire/1/signed", packed, envelope.sealed)
    signature = session.ann.identity.sign(signed)
    broken = to_text(pack(packed, envelope.sealed, signature))
    place = {"from": session.ann.user_id, "to": None, "id": envelope.head.message_id}

    session.bob.hear("new-message", {**place, "encrypted": broken})
    session.bob.hear("new-message", {**place, "encrypted": envelope.text})

    assert states(session.bob) == [("refused", "forged"), ("refused", "forked")]


# --- removal ---


def test_only_the_creator_removes_and_only_others_and_before_all(session):
    ann, bob, cy = session.ann, session.bob, session.cy

    for relayed in (
        session.send(cy, Remove(bob.identity.member_id)),
        session.send(ann, Remove(ann.identity.member_id)),
        session.send(ann, Remove(cy.identity.member_id), to=bob),
    ):
        bob.hear("new-message", relayed)

    assert states(bob) == [("refused", "not-creator")] * 3
    assert not any(one.is_removed for one in bob.roster.people.values())


def test_who_was_removed_is_heard_no_more_but_what_it_said_before_stays(session):
    ann, bob, cy = session.ann, session.bob, session.cy
    first, second, third, fourth = (session.say(cy, word) for word in "1234")
    removal = session.send(ann, Remove(cy.identity.member_id))

    for relayed in (first, third, removal, second, fourth):
        bob.hear("new-message", relayed)

    # What was missing then, whoever was removed could have made anew.
    assert states(bob) == [("received", "")] * 3 + [("refused", "removed-member")] * 2
    assert [entry.is_late for entry in bob.inbox.entries] == [False] * 5
    assert {card.name for card in bob.roster.recipients(EVERYBODY)} == {"Ann", "Bob"}


def test_who_was_removed_cannot_say_something_else_under_an_old_number(session):
    ann, bob, cy = session.ann, session.bob, session.cy
    twin = session.member("Cy", cy.identity)
    session.show(ann, bob, twin, to=[twin])
    first, other = session.say(cy, "I owe you"), session.say(twin, "I owe you nothing")

    for relayed in (first, session.send(ann, Remove(cy.identity.member_id)), other):
        bob.hear("new-message", relayed)

    assert states(bob) == [("received", "")] * 2 + [("refused", "removed-member")]


# --- keys ---


def under_epoch(sender, epoch_id):
    """A message that says that this epoch is its sender's."""
    head = sender.seal(Text("mine"), EVERYBODY).head
    epoch = sender.keyring.known[head.tag.epoch_id].epoch
    claiming = replace(head, tag=replace(head.tag, epoch_id=epoch_id), keys=b"")
    envelope = write_envelope(sender.identity, epoch, claiming, b"{}")
    told = {"id": head.message_id, "from": sender.user_id, "to": None}
    return {**told, "encrypted": envelope.text}


def epochs_after(session, *changes):
    """The epoch of Ann's next message to all, at first and after each change."""
    used = []
    for change in (lambda: None, *changes):
        change()
        used.append(session.ann.seal(Text("hello"), EVERYBODY).head.tag.epoch_id)
        session.ann.outbox.settle(session.ann.outbox.unsettled)
    return [len(set(used[: at + 1])) for at in range(len(used))]


def test_a_new_epoch_begins_when_somebody_comes_or_goes_and_after_an_hour(session):
    dora = session.member("Dora")
    ann, bob, cy = session.ann, session.bob, session.cy

    counts = epochs_after(
        session,
        lambda: session.show(ann, bob, cy, dora, to=[ann]),
        lambda: None,
        lambda: ann.hear("user-left", {"userId": bob.user_id}),
        lambda: session.clock.advance(minutes=60),
    )

    assert counts == [1, 2, 2, 3, 4]


def test_a_new_epoch_begins_after_a_hundred_messages(session):
    assert epochs_after(session, *([lambda: None] * 100)) == [1] * 100 + [2]


def test_keys_are_given_to_who_had_them_and_to_newcomers_only_where_history_is_shared():
    for shares in (False, True):
        session = Session(shares)
        session.show(session.ann, session.bob)
        relayed = session.say(session.ann, "before")
        session.bob.hear("new-message", relayed)
        session.show(session.bob, session.cy)  # Ann has left

        session.cy.hear("new-message", relayed)
        session.carry_signals(session.bob, session.cy)

        # Her card came with the key.
        assert states(session.cy) == [("received", "") if shares else ("unreadable", "no-key")]


def test_keys_for_one_are_given_to_nobody_else():
    session = Session(shares_history=True)
    session.show(session.ann, session.bob, session.cy)
    relayed = session.say(session.ann, "for Bob", session.bob)
    session.bob.hear("new-message", relayed)
    epoch_id = next(iter(session.bob.keyring.known))

    for giver in (session.ann, session.bob):
        asker = giver.roster.card_of(session.cy.user_id)
        assert giver.keyring.answer(asker, [epoch_id]) == []


def test_newcomers_that_ask_are_given_nothing_where_history_is_not_shared():
    session = Session()
    session.show(session.ann, session.bob)
    session.bob.hear("new-message", session.say(session.ann, "before"))
    epoch_id = next(iter(session.bob.keyring.known))
    session.show(session.ann, session.bob, session.cy)

    for giver in (session.ann, session.bob):
        asker = giver.roster.card_of(session.cy.user_id)
        assert giver.keyring.answer(asker, [epoch_id]) == []


def test_an_answer_of_somebody_else_ends_no_wait_for_a_key():
    session = Session(shares_history=True)
    ann, bob, cy = session.ann, session.bob, session.cy
    session.show(ann, bob, cy)
    cy.hear("new-message", session.say(ann, "with keys"))
    bob = session.member("Bob", bob.identity)
    session.show(ann, bob, cy, to=[bob])
    bob.hear("new-message", session.say(ann, "without"))
    session.clock.advance(seconds=4)  # Ann, who was asked first, gives no answer
    bob.tick()
    ann.postman.letters.clear()

    for _ in range(3):
        ann.postman.say(ann.roster.people[bob.user_id], "keys", [], session.clock.now_ms())
        letter = ann.postman.letters.popleft()
        bob.hear("signal", {"from": ann.user_id, "encrypted": letter.encrypted})

    assert states(bob) == [("waiting", "")]
    session.carry_signals(bob, cy)
    assert texts(bob) == ["without"]


def test_a_member_that_calls_a_key_its_own_keeps_it_from_nobody(session):
    session.say(session.ann, "with keys")
    bob = session.member("Bob", session.bob.identity)
    session.show(session.ann, bob, session.cy)
    session.carry_signals(session.ann, bob, session.cy)
    without = session.say(session.ann, "without")
    claimed = under_epoch(session.cy, read_envelope(without["encrypted"]).head.tag.epoch_id)

    for relayed in (claimed, without):
        bob.hear("new-message", relayed)
    session.carry_signals(session.ann, bob, session.cy)

    assert states(bob) == [("refused", "forged"), ("received", "")]


def test_a_key_that_nobody_gave_is_asked_for_once_more_when_another_message_wants_it(session):
    session.say(session.ann, "with keys")
    bob = session.member("Bob", session.bob.identity)
    session.show(session.ann, bob, session.cy)
    session.carry_signals(session.ann, bob, session.cy)
    bob.hear("new-message", session.say(session.ann, "1"))
    bob.postman.letters.clear()  # the relay keeps the question
    session.clock.advance(seconds=4)
    bob.tick()
    assert states(bob) == [("unreadable", "no-key")]

    bob.hear("new-message", session.say(session.ann, "2"))
    session.carry_signals(session.ann, bob, session.cy)

    assert texts(bob) == ["1", "2"]


def test_a_member_that_has_lost_its_keys_is_given_them_by_their_owner(session):
    first, second = session.say(session.ann, "1"), session.say(session.ann, "2")
    bob = session.member("Bob", session.bob.identity)
    session.show(session.ann, bob)
    session.carry_signals(session.ann, bob)

    bob.hear("new-message", second)
    session.carry_signals(session.ann, bob)

    assert texts(bob) == ["2"]
    assert bob.inbox.notices == [Notice("missing", session.ann.user_id, 1)]
    bob.hear("new-message", first)
    assert texts(bob) == ["2", "1"]


# --- heads and other signals ---


def test_what_is_withheld_is_missed_five_seconds_after_a_head(session):
    session.say(session.ann, "1")
    session.say(session.ann, "2", session.bob)
    session.clock.advance(seconds=30)
    session.ann.tick()
    session.carry_signals(session.ann, session.bob)

    session.clock.advance(seconds=4)
    session.bob.tick()
    before = [*session.bob.inbox.notices]
    session.clock.advance(seconds=1)
    session.bob.tick()

    assert before == []
    assert session.bob.inbox.notices == [Notice("missing", session.ann.user_id, 1)] * 2


def test_what_is_withheld_of_before_is_missed_if_the_relay_says_that_it_has_all(session):
    first, second = session.say(session.ann, "1"), session.say(session.ann, "2")
    members = [
        {"userId": one.user_id, "publicKey": one.card()} for one in (session.ann, session.bob)
    ]

    dan, eve, fay = (session.member(name) for name in ("Dan", "Eve", "Fay"))
    for newcomer, messages, truncated in (
        (dan, [first, second], False),
        (eve, [second], False),
        (fay, [second], True),
    ):
        newcomer.joined({"members": members, "messages": messages, "truncated": truncated})

    assert codes(dan) == []
    assert eve.inbox.notices == [Notice("missing", session.ann.user_id, 1)]
    assert codes(fay) == []


def test_a_signal_that_is_repeated_or_edited_is_noticed(session):
    session.clock.advance(seconds=30)
    session.ann.tick()
    told = {"from": session.ann.user_id, "encrypted": session.ann.postman.letters[0].encrypted}
    edited = bytearray(from_text(told["encrypted"]))
    edited[-70] ^= 1

    session.bob.hear("signal", told)
    session.bob.hear("signal", told)
    session.bob.hear("signal", {**told, "encrypted": to_text(bytes(edited))})
    session.bob.hear("signal", {**told, "from": session.cy.user_id})

    assert codes(session.bob) == ["repeated", "forged", "forged"]


def test_who_gives_no_sign_of_life_is_silent(session):
    for _ in range(6):
        session.clock.advance(seconds=30)
        session.cy.tick()
        session.carry_signals(session.cy, session.bob)
        session.bob.tick()

    assert session.bob.inbox.notices == [Notice("silent", session.ann.user_id)]


def test_nobody_is_silent_for_the_time_in_which_we_were_not_connected(session):
    ann, bob = session.ann, session.bob
    session.clock.advance(minutes=3)
    session.show(ann, bob, to=[bob])
    assert bob.inbox.notices == []

    for _ in range(5):  # but a relay cannot begin anew by breaking the line
        session.clock.advance(seconds=29)
        bob.tick()
        session.clock.advance(minutes=1)
        session.show(ann, bob, to=[bob])
    assert bob.inbox.notices == []
    session.clock.advance(seconds=29)
    bob.tick()

    assert bob.inbox.notices == [Notice("silent", ann.user_id)]


def test_a_chunk_that_is_another_one_is_fetched_of_somebody_else(session):
    note, sealed = seal_file("a.txt", bytes(range(250)), 100)
    session.ann.files.offer(note, [sealed[0], sealed[0], sealed[2]])
    session.cy.files.offer(note, sealed)
    session.bob.hear("new-message", session.send(session.ann, File(note)))
    told = {"downloadedBy": session.cy.user_id, "fileName": to_text(note.file_id)}
    session.bob.hear("download-notification", told)

    session.bob.fetch(note.file_id)
    session.carry_signals(session.ann, session.bob, session.cy)

    assert session.bob.files.content_of(note.file_id) == bytes(range(250))
    assert session.bob.complete == [note.file_id]


def test_a_file_for_one_is_sent_and_told_to_nobody_else(session):
    ann, bob, cy = session.ann, session.bob, session.cy
    note, sealed = seal_file("a.txt", bytes(250), 100)
    ann.files.offer(note, sealed, to=bob.user_id)
    bob.hear("new-message", session.send(ann, File(note), to=bob))
    bob.fetch(note.file_id)
    session.carry_signals(ann, bob)

    assert bob.files.whom_to_tell(note.file_id) == [ann.user_id]
    for one in (ann, bob):
        someone = one.roster.people[cy.user_id]
        one.files.serve(someone, [note.file_id, u64(0), u64(8)])
        assert not one.postman.letters[-1].file_id  # no chunk, but `file-gone`


@pytest.mark.parametrize("other", [{"key": bytes(32)}, {"size": 249}, {"chunk": 124}])
def test_another_file_under_the_id_of_one_that_is_known_is_not_shown_as_that(session, other):
    note, _ = seal_file("a.txt", bytes(250), 100)
    session.bob.hear("new-message", session.send(session.ann, File(note)))

    session.bob.hear("new-message", session.send(session.cy, File(replace(note, **other))))

    assert states(session.bob) == [("received", ""), ("refused", "file-id-taken")]


def test_chunks_that_are_wanted_no_longer_are_not_sent(session):
    note, sealed = seal_file("a.txt", bytes(500), 100)
    session.ann.files.offer(note, sealed)
    session.bob.hear("new-message", session.send(session.ann, File(note)))
    session.bob.fetch(note.file_id)
    wanted = session.bob.postman.letters.popleft()
    session.ann.hear("signal", {"from": session.bob.user_id, "encrypted": wanted.encrypted})
    assert len(session.ann.postman.letters) == 5

    someone = session.bob.roster.people[session.ann.user_id]
    now_ms = session.clock.now_ms()
    session.bob.postman.say(someone, "file-enough", [note.file_id], now_ms)
    enough = session.bob.postman.letters.popleft()
    session.ann.hear("signal", {"from": session.bob.user_id, "encrypted": enough.encrypted})

    assert not session.ann.postman.letters


def test_two_members_see_the_same_safety_number(session):
    pairs = itertools.permutations([session.ann, session.bob, session.cy], 2)
    numbers = {tuple(one.safety_number(other.user_id)) for one, other in pairs}

    assert len(numbers) == 3
    assert all(len("".join(number)) == 60 for number in numbers)
