"""`scripts/demo --channel`: three in a channel, one of whom leaves and cannot read on."""

import re
from functools import partial

import pytest

from scripts.demo_parts.channel.leaver import keys_that_open
from scripts.demo_parts.channel.talk import ChannelTalk
from scripts.demo_parts.protocol.channels import Channel, ChannelDevice, DeviceIdentity
from scripts.demo_parts.protocol.contents import Text
from scripts.demo_parts.protocol.primitives import KEY_BYTES, random
from scripts.demo_parts.protocol.refusal import ForgedError
from scripts.demo_parts.secure_chat.play import FAILED
from tests.servers import ADMIN_TOKEN, SECRET
from tests.system.demos import LEAKED, run_demo, verdicts_marked
from tests.system.processes import server_process

STORY = {
    *("channel", "messages", "keys", "safety numbers", "refused", "file", "chunks", "epoch"),
    *("too late", "new keys", "turned away", "silence", "cannot read on", "going on", "relayed"),
}
PLACES = {
    *("database", "data folder", "log", "control", "memory", "backup"),
    *("/metrics", "/health", "/sessions"),
}
demo = partial(run_demo, "--channel")


def test_its_own_server_passes_on_every_count():
    """PostgreSQL and Redis are examined for any story as for that of secure chat."""
    run = demo()

    assert run.returncode == 0, (run.stdout, run.stderr)
    assert run.stderr == ""
    assert verdicts_marked(run, "PASS") == STORY | PLACES
    assert verdicts_marked(run, "----") == {"Redis"}
    assert re.search(r"carol .* leaves the channel +key epoch 2", run.stdout)
    assert "canary-" not in run.stdout


def test_a_server_that_knows_the_canary_fails(tmp_path):
    with server_process(tmp_path, JWT_SECRET=SECRET, ADMIN_TOKEN=ADMIN_TOKEN) as server:
        (server.data / "leak").write_text(LEAKED)
        token = tmp_path / "token"
        token.write_text(ADMIN_TOKEN)
        where = ("--data-dir", server.data, "--admin-token-file", token)
        run = demo(server.url, *where, "--canary", LEAKED)

    assert run.returncode == FAILED
    assert verdicts_marked(run, "FAIL") == {"data folder"}
    assert LEAKED not in run.stdout


class Laptop:
    """Somebody's device in a channel."""

    def __init__(self, name):
        self.me = DeviceIdentity(random(KEY_BYTES), random(KEY_BYTES), name, "laptop")
        self.talk = ChannelTalk(CHANNEL, lambda: self.me)
        self.shown = ChannelDevice(name, "laptop", self.me.sign_key, self.me.box_key)

    def says(self, text, *to):
        """A message as the server tells it."""
        devices = [one.shown for one in (self, *to)]
        envelope = self.talk.seal(Text(text), devices, 1, 0)
        self.talk.settle(envelope)
        fields = self.talk.fields(envelope, devices)
        return {"id": fields["clientMessageId"], "userId": self.me.account_id, **fields}

    def reads(self, message, sender):
        content = self.talk.open(message, sender.me.sign_key)
        assert isinstance(content, Text)
        return content.text

    def opens(self, message):
        return keys_that_open(CHANNEL, self.me, self.talk.secrets(), message["content"])


CHANNEL = Channel("019a9d3e-0000-7000-8000-000000000000")


@pytest.fixture
def alice():
    return Laptop("alice")


@pytest.fixture
def bob():
    return Laptop("bob")


@pytest.fixture
def carol():
    return Laptop("carol")


def test_who_was_left_out_has_no_key_that_opens_and_who_was_not_has_one(alice, bob, carol):
    first = alice.says("to both", bob, carol)
    assert (carol.opens(first), bob.opens(first)) == (1, 1)
    assert carol.reads(first, alice) == "to both"

    after = alice.says("to Bob", bob)
    assert (carol.opens(after), bob.opens(after)) == (0, 1)
    assert bob.reads(first, alice) == "to both"
    assert bob.reads(after, alice) == "to Bob"

    # A sender that has not heard of it would go on like this: the trying does find that.
    assert carol.opens(alice.says("to both", bob, carol)) == 1


def test_who_comes_later_reads_from_then_on_and_misses_nothing(alice, bob, carol):
    before = alice.says("to Bob", bob)
    assert carol.opens(before) == 0

    for text in ("welcome", "and more"):
        assert carol.reads(alice.says(text, bob, carol), alice) == text
    assert carol.talk.missing == 0


def test_what_was_left_out_between_two_messages_is_missed(alice, bob):
    first, _withheld, third = (alice.says(text, bob) for text in ("one", "two", "three"))
    for message in (first, third):
        bob.reads(message, alice)

    assert bob.talk.missing == 1


def test_keys_go_again_until_the_server_has_them_and_then_no_more(alice, bob):
    lost = alice.talk.seal(Text("lost"), [alice.shown, bob.shown], 1, 0)
    again = alice.talk.seal(Text("again"), [alice.shown, bob.shown], 1, 0)
    assert lost.head.keys == again.head.keys != b""
    assert (lost.head.number, again.head.number) == (1, 1)

    alice.talk.settle(again)
    assert alice.talk.seal(Text("next"), [alice.shown, bob.shown], 1, 0).head.keys == b""


@pytest.mark.parametrize("change", ["devices", "prekey", "key epoch", "time"])
def test_a_new_epoch_begins_when_anything_changes(alice, bob, carol, change):
    alice.says("hello", bob)
    devices, key_epoch, now_ms = [alice.shown, bob.shown], 1, 0
    match change:
        case "devices":
            devices.append(carol.shown)
        case "prekey":
            devices[1] = ChannelDevice("bob", "laptop", bob.me.sign_key, carol.me.box_key)
        case "key epoch":
            key_epoch = 2
        case "time":
            now_ms = 60 * 60_000
    assert alice.talk.seal(Text("hello"), devices, key_epoch, now_ms).head.keys


@pytest.mark.parametrize(
    "change", [{"userId": "carol"}, {"id": "another"}, {"encryptionMetadata": {}}]
)
def test_what_is_told_of_a_message_that_is_not_so_is_refused(alice, bob, change):
    message = alice.says("hello", bob)
    with pytest.raises(Exception, match=r"belongs elsewhere|not of this protocol"):
        bob.reads({**message, **change}, alice)


def test_a_message_that_comes_again_is_refused(alice, bob):
    message = alice.says("hello", bob)
    bob.reads(message, alice)
    with pytest.raises(ForgedError, match="repeated"):
        bob.reads(message, alice)
