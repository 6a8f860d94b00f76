"""What happens between Alice, Bob and Carol, scene by scene; each scene checks what was seen."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace

import aiohttp

from scripts.audit_parts.forms import Secret
from scripts.demo_parts.canary import Canary
from scripts.demo_parts.channel import files
from scripts.demo_parts.channel.colleague import Colleague
from scripts.demo_parts.channel.leaver import keys_that_open, words_of_the_server
from scripts.demo_parts.channel.talk import Message
from scripts.demo_parts.line import RelayError
from scripts.demo_parts.protocol.channels import Channel, account_number
from scripts.demo_parts.protocol.chunks import CHUNK_BYTES
from scripts.demo_parts.protocol.contents import File, Text
from scripts.demo_parts.protocol.envelopes import read_envelope
from scripts.demo_parts.protocol.refusal import ForgedError
from scripts.demo_parts.protocol.refusal import RefusedError as ForgedOrMalformed
from scripts.demo_parts.record import Record, Row, glimpse
from scripts.demo_parts.secure_chat.x3dh import read_bundles

FILE_BYTES = 2 * CHUNK_BYTES + 12_345
PEOPLE = ("Alice", "Bob", "Carol")


class ChannelStory:
    """Alice makes a channel; Carol leaves it.

    Attributes:
        control: Ciphertext that the server holds when all is over.
    """

    def __init__(
        self, http: aiohttp.ClientSession, url: str, record: Record, canary: Canary
    ) -> None:
        self._record = record
        self._canary = canary
        self.alice, self.bob, self.carol = (Colleague(http, url, name) for name in PEOPLE)
        self.people = (self.alice, self.bob, self.carol)
        self.control = ""
        self._file_id = ""

    def everything_heard(self) -> list[str]:
        """Whatever the server has sent, as text."""
        answers = [text for one in self.people for text in one.device.answers]
        events = [str(told) for one in self.people for told in (*one.line.heard, *one.line.answers)]
        return answers + events

    def secrets(self) -> set[Secret]:
        """What those who take part know, and nobody else may find."""
        return {Secret(*one) for person in self.people for one in person.secrets()}

    async def play(self) -> None:
        """Play all scenes.

        Raises:
            DemoError: One cannot go on.
        """
        await self._sign_up()
        await self._make_a_channel()
        await self._talk()
        await self._forge()
        await self._share_a_file()
        await self._leave()
        await self._try_to_read_on()
        await self._go_on()

    async def leave(self) -> None:
        """End all connections."""
        for one in self.people:
            await one.line.end()

    async def clean_up(self) -> None:
        """Delete all accounts."""
        for one in self.people:
            if one.device.access_token:
                await one.device.delete_account()

    # --- coming in ---

    async def _sign_up(self) -> None:
        for one in self.people:
            row = self._row(one, "signs up, and publishes keys")
            await one.device.enter()
            row.saw["server"] = f"public keys: {glimpse(one.device.keys.published()['publicKey'])}"

    async def _make_a_channel(self) -> None:
        row = self._row(self.alice, "makes a workspace, and an encrypted channel for all three")
        ask = self.alice.device.request
        made = (await ask("POST", "/chat/workspaces", {"name": "Demo"}))["workspace"]
        for one in (self.bob, self.carol):
            await ask("POST", f"/chat/workspaces/{made['id']}/members", {"userId": one.user_id})
        for one in self.people:
            await one.connect(made["id"])
        wish = {
            "type": "GROUP",
            "name": "general",
            "workspaceId": made["id"],
            "memberIds": [self.bob.user_id, self.carol.user_id],
            "isEncrypted": True,
        }
        channel = (await ask("POST", "/chat/conversations", wish))["conversation"]
        told = await self.carol.line.hear("conversation:new")
        for one in self.people:
            await one.enter(channel["id"])
        row.saw["server"] = "the name of it, and who is in it"
        seen = (channel["isEncrypted"], told["conversation"]["id"] == channel["id"])
        self._record.expect("channel", seen, (True, True), "opaque, and its members are told of it")

    # --- conversation ---

    async def _talk(self) -> None:
        read = [
            await self._say(self.alice, "Welcome to our channel.", self.bob, self.carol),
            await self._say(self.bob, "Who else can read this?", self.alice, self.carol),
            await self._say(self.carol, "We three. 52.5 N, 13.4 E.", self.alice, self.bob),
            await self._say(self.alice, "And nobody else.", self.bob, self.carol),
        ]
        claim = "each with keys of its sender, and read by both others as it was written"
        self._record.expect("messages", read, [True] * 4, claim)
        carried = [bool(read_envelope(one["content"]).head.keys) for one in self.alice.sent]
        claim = "Alice's first message carries the wrapped keys, and her second does not again"
        self._record.expect("keys", carried, [True, False], claim)
        pairs = ((self.alice, self.bob), (self.bob, self.carol), (self.carol, self.alice))
        numbers = [_number_shown(one, other) == _number_shown(other, one) for one, other in pairs]
        self._record.check("safety numbers", all(numbers), "the same for both, of each pair")

    async def _forge(self) -> None:
        """What a hostile server could try: other keys, another sender, the same again."""
        answer = await self.alice.device.ask("GET", f"/api/keys/user/{self.bob.user_id}")
        mine, device = self.alice.device.keys.published(), answer["devices"][0]
        swapped = {**answer, "devices": [{**device, "signedPreKey": mine["signedPreKey"]}]}
        last = self.alice.sent[-1]
        as_carol = {**last, "userId": self.carol.user_id}
        elsewhere = {**last, "id": f"{last['id']}x"}
        refused = [
            _is_refused(lambda: read_bundles(swapped)),
            *[await self._is_refused_by_bob(one) for one in (as_carol, elsewhere, last)],
        ]
        claim = "a swapped key, another sender, another id, and the same message once more"
        self._record.expect("refused", refused, [True] * 4, claim)

    async def _is_refused_by_bob(self, message: Message) -> bool:
        try:
            await self.bob.open(message)
        except ForgedOrMalformed:
            return True
        return False

    async def _share_a_file(self) -> None:
        row = self._row(self.bob, f"sends a file of {FILE_BYTES:,} B", "all")
        plain = self._canary.text.encode() + secrets.token_bytes(FILE_BYTES)
        content, self._file_id = await files.put(
            self.bob.device, self.bob.conversation_id, self._canary.text, plain[:FILE_BYTES]
        )
        message = await self.bob.say(content, (self._file_id,))
        row.saw["server"] = f"{content.note.count} sealed chunks, and {glimpse(message['content'])}"
        fetched = []
        for one in (self.alice, self.carol):
            told, said = await one.hear(message["id"])
            assert isinstance(said, File)
            file_id = told["attachments"][0]["fileId"]
            fetched.append(await files.fetch(one.device, file_id, said.note))
            row.saw[one.name.lower()] = f"the file, {len(fetched[-1]):,} B"
        claim = "both others fetch it chunk by chunk, and have what Bob had"
        self._record.expect(
            "file", [one == plain[:FILE_BYTES] for one in fetched], [True] * 2, claim
        )
        wrong = replace(content.note, hashes=bytes(len(content.note.hashes)))
        try:
            await files.fetch_chunk(self.alice.device, self._file_id, wrong, 0)
            is_refused = False
        except ForgedError:
            is_refused = True
        self._record.check("chunks", is_refused, "another one than was announced is not opened")

    # --- somebody leaves ---

    async def _leave(self) -> None:
        before = await self.alice.conversation()
        late = await self.alice.seal(Text(f"Is Carol here? {self._canary.text}"))
        row = self._row(self.carol, "leaves the channel")
        path = f"/chat/conversations/{self.carol.conversation_id}/members/{self.carol.user_id}"
        await self.carol.device.request("DELETE", path)
        await self.bob.line.hear("conversation:updated")
        after = await self.alice.conversation()
        row.saw["server"] = f"key epoch {after['keyEpoch']}"
        seen = (after["keyEpoch"] > before["keyEpoch"], len(after["members"]))
        self._record.expect("epoch", seen, (True, 2), "the others are told to make new keys")
        word = await _word_of(self.alice.deliver(late))
        claim = "what Alice had sealed for Carol as well is not taken any more"
        self._record.expect("too late", word, "device_mismatch", claim)

    async def _try_to_read_on(self) -> None:
        before = self.alice.sent[-1]
        is_read = await self._say(self.alice, "Carol is gone.", self.bob)
        after = self.alice.sent[-1]
        self._record.check("new keys", is_read, "Bob reads on, with a new key of Alice's")
        words = await words_of_the_server(self.carol, self._file_id)
        claim = "whatever she asks of the channel: messages, its file, to join, to write"
        self._record.expect("turned away", words, {"not_found"}, claim)
        heard = self.carol.line.all_heard(
            "message:new", lambda one: one["message"]["id"] == after["id"]
        )
        self._record.expect("silence", heard, [], "her connection, still open, hears nothing")
        row = self._row(self.carol, "gets the ciphertext from elsewhere, and tries all her keys")
        channel, me = Channel(self.carol.conversation_id), self.carol.whoami()
        counts = [
            keys_that_open(channel, me, self.carol.talk.secrets(), one["content"])
            for one in (before, after)
        ]
        row.saw["server"] = glimpse(after["content"])
        claim = "one of her keys opens the last message before she left, and none the next"
        self._record.expect("cannot read on", counts, [1, 0], claim)

    async def _go_on(self) -> None:
        read = await self._say(self.bob, "Then let us go on.", self.alice)
        gaps = [one.talk.missing for one in self.people]
        claim = "both read on, and nothing is missing of what anybody said"
        self._record.expect("going on", (read, gaps), (True, [0, 0, 0]), claim)

    # --- one message ---

    async def _say(self, sender: Colleague, text: str, *others: Colleague) -> bool:
        """Whether all of these read what one says."""
        plaintext = f"{text} {self._canary.text}"
        row = self._row(sender, plaintext, "all")
        message = await sender.say(Text(plaintext))
        self.control = message["content"]
        row.saw["server"] = glimpse(self.control)
        read = []
        for one in others:
            _, content = await one.hear(message["id"])
            row.saw[one.name.lower()] = content.text if isinstance(content, Text) else "-"
            read.append(content == Text(plaintext))
        return all(read)

    def _row(self, who: Colleague, does: str, to: str = "") -> Row:
        name = who.name.lower()
        return self._record.row(name, to, **{name: does})


def _number_shown(to: Colleague, other: Colleague) -> list[str]:
    """What somebody compares with another, by the keys that the server has shown."""
    return account_number(to.device.keys.identity, to.device.pinned[other.user_id])


def _is_refused(reading: Callable[[], object]) -> bool:
    try:
        reading()
    except ForgedOrMalformed:
        return True
    return False


async def _word_of(asking: Awaitable[object]) -> str:
    """The error with which something is refused; empty if it is not."""
    try:
        await asking
    except RelayError as error:
        return error.word
    return ""
