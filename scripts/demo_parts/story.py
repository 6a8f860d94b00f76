"""What happens between Alice and Bob, scene by scene; each scene checks what was seen."""

import secrets
from collections.abc import Iterable
from typing import Any

import aiohttp
from nacl.utils import random

from scripts.demo_parts.canary import Canary
from scripts.demo_parts.files import pass_a_file
from scripts.demo_parts.person import Person, RefusedError
from scripts.demo_parts.record import Record, Row, glimpse
from scripts.demo_parts.sealing import Link, sealed_bytes


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
        self.link = Link(secrets.token_hex(6), secrets.token_urlsafe(12), random(32))
        guess = Link(self.link.session_id, "a-guess", random(32))
        self.alice = Person(url, self.link, "alice", f"Alice {canary.text}")
        self.bob = Person(url, self.link, "bob", f"Bob {canary.text}")
        self.mallory = Person(url, guess, "mallory", f"Mallory {canary.text}")
        self.control = b""

    @property
    def people(self) -> tuple[Person, ...]:
        return self.alice, self.bob, self.mallory

    def everything_heard(self) -> list[Any]:
        """Whatever the server sent to its clients."""
        return [one for person in self.people for one in (*person.heard, *person.answers)]

    async def play(self, http: aiohttp.ClientSession) -> None:
        """Play all scenes.

        Raises:
            DemoError: One cannot go on.
        """
        await self._reserve(http)
        await self._join()
        await self._exchange_keys()
        await self._talk()
        await self._type()
        await self._lose_bob_and_get_him_back()
        await pass_a_file(self._record, self.alice, self.bob, self._canary, self._old)
        await self._refuse_a_stranger()
        await self._say_goodbye()
        self._judge_messages()

    # --- coming in ---

    async def _reserve(self, http: aiohttp.ClientSession) -> None:
        self._record.row(
            "alice", alice="reserves a session", server=f"session {self.link.session_id}, its key"
        )
        body = {"sessionId": self.link.session_id, "authKey": self.link.auth_key}
        statuses = []
        for _ in range(2):
            async with http.post("/api/reserve-session", json=body) as response:
                statuses.append(response.status)
        claim = "over REST; the same again finds it"
        self._record.expect("reserve", statuses, [201, 200], claim)

    async def _join(self) -> None:
        row = self._record.row("alice", alice="joins by id and key, WebSocket")
        alice_on = await self.alice.connect("websocket")
        announced = self.alice.keys.announce(self.link, "alice")
        joined = await self.alice.join(
            self.link.session_id, authKey=self.link.auth_key, isCreator=True, publicKey=announced
        )
        row.saw["server"] = _seen_member(joined["members"][0])

        row = self._record.row("bob", bob="joins by id:key, polling, then upgraded")
        bob_on = await self.bob.connect("polling", "websocket")
        joined = await self.bob.join(f"{self.link.session_id}:{self.link.auth_key}")
        news = await self.alice.hear("user-joined")
        row.saw["alice"] = f"{self.link.open_name(news['displayName'])} has joined"
        row.saw["server"] = _seen_member(joined["members"][1])
        self._record.expect(
            "join",
            (alice_on, bob_on, len(joined["members"])),
            ("websocket", "websocket", 2),
            "Alice by id and key, on WebSocket; Bob by id:key, on polling that was upgraded",
        )

    async def _exchange_keys(self) -> None:
        row = self._record.row("bob", "all", bob="announces his public keys")
        announced = self.bob.keys.announce(self.link, "bob")
        await self.bob.ask("save-public-key", publicKey=announced)
        members = await self.alice.hear("public-keys-updated", _is_complete)
        self.alice.meet(members)
        asked = await self.bob.ask("get-public-keys")
        self.bob.meet(asked["members"])
        row.saw["alice"] = "Bob's keys, proved by the link"
        row.saw["server"] = (
            f"X25519 {announced['x25519'][:6]}…, Ed25519 {announced['ed25519'][:6]}…"
        )
        proved = [*self.alice.peers, *self.bob.peers]
        claim = "X25519 and Ed25519, each proved by the secret in the link"
        self._record.expect("public keys", proved, ["bob", "alice"], claim)
        names = [self._names(members), self._names(asked["members"])]
        expected = [{"alice": f"Alice {self._canary.text}", "bob": f"Bob {self._canary.text}"}] * 2
        claim = "display names relayed as ciphertext, and read by both"
        self._record.expect("names", names, expected, claim)

    def _names(self, members: list[dict[str, Any]]) -> dict[str, str]:
        return {one["userId"]: self.link.open_name(one["displayName"]) for one in members}

    # --- conversation ---

    async def _talk(self) -> None:
        await self._say(self.alice, "all", "Good morning, Bob.")
        await self._say(self.bob, "all", "Hello Alice. Does it read along?")
        await self._say(self.alice, "bob", "Only for you: 52.5 N, 13.4 E.")
        await self._say(self.bob, "alice", "Got it, only you can see this.")

    async def _say(self, sender: Person, to: str, text: str) -> None:
        reader = self.bob if sender is self.alice else self.alice
        row, sent = await self._send(sender, to, text)
        message = await reader.hear("new-message", lambda data: data["id"] == sent["id"])
        self._read(reader, message, row)

    async def _send(self, sender: Person, to: str, text: str) -> tuple[Row, dict[str, Any]]:
        plaintext = f"{text} {self._canary.text}"
        row = self._record.row(sender.user_id, to)
        row.saw[sender.user_id] = plaintext
        sent = await sender.send(plaintext, to, "text", f"{text} {self._old.text}")
        row.saw["server"] = glimpse(sent["encrypted"]["body"], sealed_bytes(sent["encrypted"]))
        self.control = sent["encrypted"]["body"].encode()
        return row, sent

    def _read(self, reader: Person, message: dict[str, Any], row: Row) -> None:
        plaintext = reader.read(message)
        self._read_well.append(plaintext == row.saw[message["from"]])
        row.saw[reader.user_id] = plaintext

    async def _type(self) -> None:
        row = self._record.row("bob", "all", bob="types, and stops", server="that he types")
        await self.bob.ask("typing-start")
        await self.bob.ask("typing-stop")
        await self.alice.hear("user-typing", lambda data: not data["isTyping"])
        heard = [(one["userId"], one["isTyping"]) for one in self.alice.all_heard("user-typing")]
        row.saw["alice"] = "Bob types, and stops"
        expected = [("bob", True), ("bob", False)]
        self._record.expect("typing", heard, expected, "Alice saw Bob begin and stop")

    async def _lose_bob_and_get_him_back(self) -> None:
        token, since = self.bob.member_token, self.bob.seq
        self._record.row("bob", bob="loses his connection", server="TCP ended")
        await self.bob.lose_connection()
        missed = [
            await self._send(self.alice, "all", "Are you still there?"),
            await self._send(self.alice, "bob", "I will wait for you."),
        ]
        self._record.row(
            "bob",
            bob="comes back, polling only",
            server=f"his member token, since {since}",
        )
        bob_on = await self.bob.connect("polling")
        id_and_key = f"{self.link.session_id}:{self.link.auth_key}"
        joined = await self.bob.join(id_and_key, memberToken=token, since=since)
        history = await self.bob.hear("messages-history", bool)
        for message, (row, _) in zip(history, missed, strict=False):
            self._read(self.bob, message, row)
            row.saw["bob"] += " (on his return)"
        expected = _ids(sent for _, sent in missed)
        self._record.expect(
            "return",
            (bob_on, joined["truncated"], _ids(joined["messages"]), _ids(history)),
            ("polling", False, expected, expected),
            f"with his token and `since`, Bob got exactly the {len(missed)} messages he had missed",
        )
        noticed = [self.alice.all_heard("user-left"), self.alice.all_heard("user-joined")[1:]]
        claim = "Alice noticed nothing of that, since he was back within RECONNECT_GRACE_S"
        self._record.expect("grace", noticed, [[], []], claim)

    # --- strangers, and the end ---

    async def _refuse_a_stranger(self) -> None:
        row = self._record.row("mallory")
        await self.mallory.connect("websocket")
        word = "let in"
        try:
            await self.mallory.join(self.link.session_id, authKey=self.mallory.link.auth_key)
        except RefusedError as error:
            word = error.word
            await self.mallory.hear("session-error", lambda data: data["error"] == word)
        row.saw["server"] = f"a wrong key: {word}"
        self._record.expect("stranger", word, "invalid_auth_key", "refused with a wrong key")

    async def _say_goodbye(self) -> None:
        await self._say(self.bob, "all", "Thank you. Goodbye!")
        row = self._record.row("bob", "all", bob="leaves", server="that he left")
        await self.bob.ask("leave-session")
        left = await self.alice.hear("user-left")
        row.saw["alice"] = "Bob has left"
        self._record.row("alice", "all", alice="leaves", server="that she left")
        await self.alice.ask("leave-session")
        told = (left["userId"], left["reason"])
        self._record.expect("leave", told, ("bob", "left"), "Alice was told that Bob left")

    def _judge_messages(self) -> None:
        count = len(self._read_well)
        self._record.check(
            "messages",
            all(self._read_well),
            f"{count} to all or in private; signatures hold, and each was read as written",
        )
        orders = [
            [message["seq"] for message in person.all_heard("new-message")]
            for person in (self.alice, self.bob)
        ]
        rising = all(order == sorted(set(order)) for order in orders)
        self._record.check("order", rising, "`seq` rose with every message that was heard")
        strangers = [
            event
            for person in (self.alice, self.bob)
            for event, data in person.heard
            if self.mallory.user_id in str(data)
        ]
        self._record.expect("quiet", strangers, [], "nobody was told of the stranger")


def _is_complete(members: list[dict[str, Any]]) -> bool:
    return len(members) == 2 and all(member["publicKey"] for member in members)


def _seen_member(member: dict[str, Any]) -> str:
    sealed_name = member["displayName"]
    return f"{member['userId']}: {glimpse(sealed_name, len(sealed_name))}"


def _ids(messages: Iterable[dict[str, Any]]) -> list[str]:
    return [message["id"] for message in messages]
