"""What happens between Alice and Bob, scene by scene; each scene checks what was seen."""

from collections.abc import Iterable
from typing import Any

import aiohttp

from scripts.demo_parts.canary import Canary
from scripts.demo_parts.files import pass_a_file
from scripts.demo_parts.line import DemoError, RelayError
from scripts.demo_parts.person import Person
from scripts.demo_parts.protocol.contents import Text
from scripts.demo_parts.protocol.envelopes import Envelope
from scripts.demo_parts.protocol.epochs import EVERYBODY
from scripts.demo_parts.protocol.identity import new_identity
from scripts.demo_parts.protocol.link import Link, new_link
from scripts.demo_parts.protocol.packing import from_text, to_text
from scripts.demo_parts.protocol.signals import ChainHead, read_signal
from scripts.demo_parts.record import Record, Row, glimpse


class Story:
    """Alice is on WebSocket. Bob is on polling that is upgraded, and later on polling alone.

    Attributes:
        control: Ciphertext that the server still holds when all is over.
    """

    def __init__(self, url: str, record: Record, canary: Canary, old: Canary) -> None:
        self._record = record
        self._canary = canary
        self._old = old
        self._read_well: list[bool] = []
        creator = new_identity()
        self.link = new_link(creator.member_id)
        other = new_link(creator.member_id)
        guess = Link(self.link.session_id, other.secret, other.creator)
        self.alice = Person(url, self.link, creator, f"Alice {canary.text}")
        self.bob = Person(url, self.link, new_identity(), f"Bob {canary.text}")
        self.mallory = Person(url, guess, new_identity(), f"Mallory {canary.text}")
        self.control = b""

    @property
    def people(self) -> tuple[Person, ...]:
        return self.alice, self.bob, self.mallory

    def everything_heard(self) -> list[Any]:
        """Whatever the server sent to its clients."""
        lines = [person.line for person in self.people]
        return [one for line in lines for one in (*line.heard, *line.answers)]

    def secrets(self) -> list[bytes]:
        """What the server must never have."""
        owners = [self.alice.member.identity, self.bob.member.identity]
        own = [secret for owner in owners for secret in (owner.seed, owner.box_secret)]
        return [self.link.secret, self.link.link_key, *own]

    async def play(self, http: aiohttp.ClientSession) -> None:
        """Play all scenes.

        Raises:
            DemoError: One cannot go on.
        """
        await self._reserve(http)
        await self._join()
        await self._meet()
        await self._talk()
        await self._type()
        await self._lose_bob_and_get_him_back()
        await pass_a_file(self._record, self.alice, self.bob, self._canary, self._old)
        await self._refuse_a_stranger()
        await self._say_goodbye()
        self._judge_messages()

    # --- coming in ---

    async def _reserve(self, http: aiohttp.ClientSession) -> None:
        session_id = self.link.relay_session_id
        self._record.row(
            "alice", alice="reserves a session", server=f"session {session_id}, its key"
        )
        body = {"sessionId": session_id, "authKey": to_text(self.link.auth_key)}
        statuses = []
        for _ in range(2):
            async with http.post("/api/reserve-session", json=body) as response:
                statuses.append(response.status)
        claim = "over REST; the same again finds it"
        self._record.expect("reserve", statuses, [201, 200], claim)

    async def _join(self) -> None:
        row = self._record.row("alice", alice="joins by id and key, WebSocket")
        alice_on = await self.alice.connect("websocket")
        joined = await self.alice.join(isCreator=True)
        row.saw["server"] = _seen_member(joined["members"][0])

        row = self._record.row("bob", bob="joins by id:key, polling, then upgraded")
        bob_on = await self.bob.connect("polling", "websocket")
        joined = await self.bob.join(self._id_and_key())
        row.saw["server"] = _seen_member(joined["members"][1])
        await self.alice.line.hear("user-joined")
        row.saw["alice"] = "somebody has joined"
        self._record.expect(
            "join",
            (alice_on, bob_on, len(joined["members"])),
            ("websocket", "websocket", 2),
            "Alice by id and key, on WebSocket; Bob by id:key, on polling that was upgraded",
        )

    async def _meet(self) -> None:
        row = self._record.row("bob", "all", bob="shows his card", server="above")
        roster = self.alice.member.roster
        await self.alice.line.until(roster.others, "Bob's card")
        row.saw["alice"] = f"{roster.name_of(self.bob.user_id)}: keys proved by the link"
        names = [
            {one.card.name for one in person.member.roster.others() if one.card}
            for person in (self.alice, self.bob)
        ]
        claim = "keys and names in cards that the link's secret proves; names are sealed in them"
        expected = [{f"Bob {self._canary.text}"}, {f"Alice {self._canary.text}"}]
        self._record.expect("cards", names, expected, claim)
        shown = self._record.row("all", alice="compares safety numbers", bob="compares them too")
        numbers = [
            self.alice.member.safety_number(self.bob.user_id),
            self.bob.member.safety_number(self.alice.user_id),
        ]
        shown.saw["alice"] = shown.saw["bob"] = " ".join(numbers[0])
        claim = "both see the same twelve groups of digits"
        self._record.expect("safety number", numbers[0], numbers[1], claim)

    def _id_and_key(self) -> str:
        return f"{self.link.relay_session_id}:{to_text(self.link.auth_key)}"

    # --- conversation ---

    async def _talk(self) -> None:
        await self._say(self.alice, None, "Good morning, Bob.")
        await self._say(self.bob, None, "Hello Alice. Does it read along?")
        await self._say(self.alice, self.bob, "Only for you: 52.5 N, 13.4 E.")
        await self._say(self.bob, self.alice, "Got it, only you can see this.")

    async def _say(self, sender: Person, to: Person | None, text: str) -> None:
        reader = self.bob if sender is self.alice else self.alice
        row, sent = await self._send(sender, to, text)
        await self._read(reader, sent, row)

    async def _send(self, sender: Person, to: Person | None, text: str) -> tuple[Row, Envelope]:
        plaintext = f"{text} {self._canary.text}"
        row = self._record.row(self._word(sender), self._word(to))
        row.saw[self._word(sender)] = plaintext
        original = f"{text} {self._old.text}"
        sent = await sender.send(Text(plaintext), to.user_id if to else None, original)
        row.saw["server"] = glimpse(sent.text)
        self.control = sent.text.encode()
        return row, sent

    async def _read(self, reader: Person, sent: Envelope, row: Row) -> None:
        message_id = sent.head.message_id
        entry = await reader.receive(lambda entry: entry.message_id == message_id)
        plaintext = entry.content.text if isinstance(entry.content, Text) else entry.status
        self._read_well.append(plaintext == row.saw[row.sender] and not entry.is_late)
        row.saw[self._word(reader)] = plaintext

    def _word(self, person: Person | None) -> str:
        words = {self.alice.user_id: "alice", self.bob.user_id: "bob"}
        return words[person.user_id] if person else "all"

    async def _type(self) -> None:
        row = self._record.row("bob", "all", bob="types, and stops", server="that he types")
        await self.bob.ask("typing-start")
        await self.bob.ask("typing-stop")
        await self.alice.line.hear("user-typing", lambda data: not data["isTyping"])
        heard = [
            (one["userId"], one["isTyping"]) for one in self.alice.line.all_heard("user-typing")
        ]
        row.saw["alice"] = "Bob types, and stops"
        expected = [(self.bob.user_id, True), (self.bob.user_id, False)]
        self._record.expect("typing", heard, expected, "Alice saw Bob begin and stop")

    async def _lose_bob_and_get_him_back(self) -> None:
        row = self._record.row("bob", bob="loses his connection", server="TCP ended")
        await self.bob.lose_connection()
        missed = [
            await self._send(self.alice, None, "Are you still there?"),
            await self._send(self.alice, self.bob, "I will wait for you."),
        ]
        row = self._record.row(
            "bob",
            bob="comes back, polling only",
            server=f"his member token, since {self.bob.line.seq}",
        )
        bob_on = await self.bob.connect("polling")
        joined = await self.bob.join(self._id_and_key())
        for row, sent in missed:
            await self._read(self.bob, sent, row)
            row.saw["bob"] += " (on his return)"
        self._record.expect(
            "return",
            (bob_on, joined["truncated"], _ids(joined["messages"])),
            ("polling", False, [sent.head.message_id for _, sent in missed]),
            f"with his token and `since`, Bob got exactly the {len(missed)} messages he had missed",
        )
        line = self.alice.line
        noticed = [line.all_heard("user-left"), line.all_heard("user-joined")[1:]]
        claim = "Alice noticed nothing of that, since he was back within RECONNECT_GRACE_S"
        self._record.expect("grace", noticed, [[], []], claim)
        await self._tell_heads()

    async def _tell_heads(self) -> None:
        """Bob, on his return, tells how much he has said: to all, and to Alice."""
        row = self._record.row("bob", "all", bob="signs how many messages he has sent")
        bob, alice = self.bob.user_id, self.alice.user_id
        heads = self.alice.line
        await heads.hear("signal", lambda data: data["from"] == bob and self._ends(data)[1] > 0)
        signal = heads.all_heard("signal", lambda data: data["from"] == bob)[-1]
        told = self._ends(signal)
        row.saw["server"] = glimpse(signal["encrypted"])
        row.saw["alice"] = f"{told[0]} to all, {told[1]} to her alone"
        audiences = (EVERYBODY, from_text(alice))
        sent = [self.bob.member.outbox.end(audience).number for audience in audiences]
        claim = "signed counts as signals, so that what a server withholds is missed"
        self._record.expect("heads", told, sent, claim)

    def _ends(self, signal: dict[str, Any]) -> list[int]:
        """How many messages Bob has sent by his word: to all, and to Alice alone."""
        member = self.alice.member
        card = member.roster.card_of(self.bob.user_id)
        encrypted = signal["encrypted"]
        head = read_signal(member.link, member.identity, card, encrypted) if card else None
        if not isinstance(head, ChainHead):
            raise DemoError("what should be a head is none")
        return [head.newest.number, head.alone.number if head.alone else 0]

    # --- strangers, and the end ---

    async def _refuse_a_stranger(self) -> None:
        row = self._record.row("mallory")
        await self.mallory.connect("websocket")
        word = "let in"
        try:
            await self.mallory.join()
        except RelayError as error:
            word = error.word
            await self.mallory.line.hear("session-error", lambda data: data["error"] == word)
        row.saw["server"] = f"a wrong key: {word}"
        self._record.expect("stranger", word, "invalid_auth_key", "refused with a wrong key")

    async def _say_goodbye(self) -> None:
        await self._say(self.bob, None, "Thank you. Goodbye!")
        row = self._record.row("bob", "all", bob="leaves", server="that he left")
        await self.bob.ask("leave-session")
        left = await self.alice.line.hear("user-left")
        row.saw["alice"] = "Bob has left"
        self._record.row("alice", "all", alice="leaves", server="that she left")
        await self.alice.ask("leave-session")
        told = (left["userId"], left["reason"])
        expected = (self.bob.user_id, "left")
        self._record.expect("leave", told, expected, "Alice was told that Bob left")

    def _judge_messages(self) -> None:
        count = len(self._read_well)
        self._record.check(
            "messages",
            all(self._read_well),
            f"{count} to all or in private; signatures hold, and each was read as written",
        )
        notices = [one for person in (self.alice, self.bob) for one in person.member.inbox.notices]
        claim = "nothing was missing, late, repeated, forked or forged"
        self._record.expect("chains", notices, [], claim)
        orders = [
            [message["seq"] for message in person.line.all_heard("new-message")]
            for person in (self.alice, self.bob)
        ]
        rising = all(order == sorted(set(order)) for order in orders)
        self._record.check("order", rising, "`seq` rose with every message that was heard")
        strangers = [
            event
            for person in (self.alice, self.bob)
            for event, data in person.line.heard
            if self.mallory.user_id in str(data)
        ]
        self._record.expect("quiet", strangers, [], "nobody was told of the stranger")


def _seen_member(member: dict[str, Any]) -> str:
    return f"{member['userId'][:6]}…: {glimpse(member['publicKey'])}"


def _ids(messages: Iterable[dict[str, Any]]) -> list[str]:
    return [message["id"] for message in messages]
