"""What happens between Alice and Bob, scene by scene; each scene checks what was seen."""

import copy
import secrets
from collections.abc import Awaitable
from typing import Any

import aiohttp

from scripts.audit_parts.forms import Secret
from scripts.demo_parts.canary import Canary
from scripts.demo_parts.protocol.refusal import RefusedError as ForgedOrMalformed
from scripts.demo_parts.record import Record, Row, glimpse
from scripts.demo_parts.secure_chat.device import Account, Device, RefusedError
from scripts.demo_parts.secure_chat.keys import ONE_TIME
from scripts.demo_parts.secure_chat.line import Frame
from scripts.demo_parts.secure_chat.sessions import Sessions
from scripts.demo_parts.secure_chat.x3dh import read_bundles

REVOKED = 4401


class Story:
    """Alice has a phone; Bob has one too, and gets a laptop.

    Attributes:
        control: Ciphertext that the server holds when all is over.
    """

    def __init__(self, http: aiohttp.ClientSession, record: Record, canary: Canary) -> None:
        self._record = record
        self._canary = canary
        self._bobs = Account("Bob")
        self.alice = Device(http, Account("Alice"), "alice-phone")
        self.bob = Device(http, self._bobs, "bob-phone")
        self.laptop = Device(http, self._bobs, "bob-laptop")
        self.control = ""
        self._texts: dict[str, str] = {}
        self._sent: dict[str, Any] = {}
        self._thieves: list[Sessions] = []

    @property
    def devices(self) -> tuple[Device, ...]:
        return self.alice, self.bob, self.laptop

    def everything_heard(self) -> list[str]:
        """Whatever the server has sent, as text."""
        frames = (str(frame) for one in self.devices for frame in one.line.heard)
        return [*(answer for one in self.devices for answer in one.answers), *frames]

    def secrets(self) -> set[Secret]:
        """What those who take part know, and nobody else may find."""
        return {Secret(*one) for device in self.devices for one in device.secrets()}

    async def play(self) -> None:
        """Play all scenes.

        Raises:
            DemoError: One cannot go on.
        """
        await self._sign_up()
        await self._publish_keys()
        await self._write_to_who_is_away()
        await self._come_back()
        await self._tell_receipts()
        await self._talk()
        await self._rotate()
        await self._add_a_laptop()
        await self._revoke_the_phone()
        await self._renew_tokens()

    async def leave(self) -> None:
        """End all connections."""
        for one in self.devices:
            await one.line.close()

    async def clean_up(self) -> None:
        """Delete both accounts."""
        for one in (self.alice, self.laptop if self.laptop.access_token else self.bob):
            if one.access_token:
                await one.delete_account()

    # --- coming in ---

    async def _sign_up(self) -> None:
        logins = []
        for device in (self.alice, self.bob):
            who = device.account.name.lower()
            row = self._record.row(who, **{who: "signs up, and logs in"})
            await device.sign_up()
            logins.append(await device.log_in())
            row.saw["server"] = f"{device.account.username}, and the password once"
        needs = [(one["requiresKeyRegistration"], "accessToken" in one) for one in logins]
        claim = "a password alone gives no tokens: the device is to publish its keys first"
        self._record.expect("login", needs, [(True, False)] * 2, claim)

    async def _publish_keys(self) -> None:
        for device in (self.alice, self.bob):
            who = device.account.name.lower()
            row = self._record.row(who, **{who: f"publishes {ONE_TIME + 3} keys, and gets tokens"})
            await device.register()
            row.saw["server"] = f"public keys: {glimpse(device.keys.published()['publicKey'])}"
        stats = await self.bob.ask("GET", "/api/keys/prekeys/stats")
        self._record.expect(
            "keys",
            stats["available"],
            ONE_TIME,
            f"{ONE_TIME} one-time prekeys wait for Bob's peers",
        )

    async def _write_to_who_is_away(self) -> None:
        """X3DH: Bob has no connection, and Alice needs nothing but what he has published."""
        answer = await self.alice.ask("GET", f"/api/keys/user/{self._bobs.user_id}")
        row = self._record.row("alice", "bob", alice="fetches the keys of Bob, who is away")
        one_time = answer["devices"][0]["oneTimePreKey"]
        row.saw["server"] = f"prekey {one_time['keyId']} is handed out, once"
        self._check_forgeries(answer)
        await self.alice.connect()
        for text in ("Good morning, Bob. Are you there?", "I will wait for you."):
            await self._say(self.alice, text)
        openings = [one["opening"] for one in _entries(self._sent)]
        used = [(one["signedPreKeyId"], one["oneTimePreKeyId"] is not None) for one in openings]
        claim = "agreed with somebody away: identity, signed prekey and a one-time prekey"
        self._record.expect("X3DH", used, [(1, True)], claim)

    def _check_forgeries(self, answer: dict[str, Any]) -> None:
        refused = []
        mine, device = self.alice.keys.published(), answer["devices"][0]
        swapped = {**device["signedPreKey"], "publicKey": mine["signedPreKey"]["publicKey"]}
        for forged in (
            {**answer, "devices": [{**device, "signedPreKey": swapped}]},
            {**answer, "devices": [{**device, "signedPreKey": mine["signedPreKey"]}]},
        ):
            try:
                read_bundles(forged)
                refused.append(False)
            except ForgedOrMalformed:
                refused.append(True)
        read_bundles(answer)
        claim = "Bob's own is good; one that the server had swapped would be refused"
        self._record.expect("signed prekey", refused, [True, True], claim)

    async def _come_back(self) -> None:
        self._record.row("bob", bob="comes back, and asks what he has missed")
        page = await self.bob.ask("GET", "/api/messages/offline")
        read = []
        for message in page["messages"]:
            row = self._record.row("alice", "bob", server=glimpse(message["encryptedContent"]))
            row.saw["bob"] = self.bob.open(message)
            read.append(row.saw["bob"])
        claim = "both waited for Bob, in order, and he reads them"
        self._record.expect("offline", read, list(self._texts.values()), claim)
        stats = await self.bob.ask("GET", "/api/keys/prekeys/stats")
        # Two bundles were fetched before the first message, and one before the second.
        left = ONE_TIME - stats["available"]
        self._record.expect("one-time", left, 3, "each fetch took one prekey, and it is gone")

    # --- conversation ---

    async def _tell_receipts(self) -> None:
        await self.bob.connect()
        for kind, word in (("delivery_receipt", "has got"), ("read_receipt", "has read")):
            row = self._record.row("bob", "alice", bob=f"says that he {word} both", server="above")
            await self.bob.line.ask(kind, {"messageIds": list(self._texts)})
            await self.alice.line.hear(kind, lambda one: one["messageId"] == list(self._texts)[-1])
            row.saw["alice"] = f"Bob {word} them"
        heard = [
            (one["type"], one["messageId"], one["userId"])
            for one in self.alice.line.heard
            if one["type"].endswith("_receipt")
        ]
        expected = [
            (kind, message_id, self._bobs.user_id)
            for kind in ("delivery_receipt", "read_receipt")
            for message_id in self._texts
        ]
        self._record.expect("receipts", heard, expected, "each came to Alice, once")
        page = await self.bob.ask("GET", "/api/messages/offline")
        self._record.expect("acknowledged", page["messages"], [], "nothing waits for Bob any more")

    async def _talk(self) -> None:
        row = self._record.row("bob", "alice", bob="types", server="that he types")
        await self.bob.line.say("typing", {"recipientId": self.alice.account.user_id})
        await self.alice.line.hear("typing")
        row.saw["alice"] = "Bob types"
        row, message_id = await self._say(self.bob, "Here I am. Does it read along?")
        read = await self._hear(self.alice, message_id, row)
        row, message_id = await self._say(self.alice, "It cannot. 52.5 N, 13.4 E.")
        read &= await self._hear(self.bob, message_id, row)
        claim = "by WebSocket both ways, and read as they were written"
        self._record.check("messages", read, claim)

    # --- keys that change ---

    async def _rotate(self) -> None:
        self._thieves.append(copy.deepcopy(self.bob.sessions))
        row = self._record.row("bob", bob="makes all keys anew, but his identity's")
        told = await self.bob.rotate()
        row.saw["server"] = f"version {told['keyVersion']} of his public keys"
        row, message_id = await self._say(self.alice, "With your new keys.")
        read = await self._hear(self.bob, message_id, row)
        self._record.expect(
            "rotation",
            (told["keyVersion"], read, self._is_open_to_thieves()),
            (2, True, False),
            "Bob reads on; whoever had stolen his keys of before does not",
        )

    async def _add_a_laptop(self) -> None:
        row = self._record.row("bob", bob="logs a laptop in, with the same identity key")
        stale = await self.alice.written(self._bobs.user_id, _new_id(), "for the phone alone")
        await self.laptop.log_in()
        await self.laptop.register()
        await self.laptop.connect()
        row.saw["server"] = "a second device, and its public keys"
        word = await _word_of(self.alice.ask("POST", "/api/messages/send", stale))
        claim = "what is for the phone alone is refused: Alice is told of the laptop"
        self._record.expect("devices", word, "device_mismatch", claim)
        row, message_id = await self._say(self.alice, "To both of your devices.")
        both = [await self._hear(one, message_id, row) for one in (self.bob, self.laptop)]
        self._record.expect("both", both, [True, True], "phone and laptop read it, each by its key")

    async def _revoke_the_phone(self) -> None:
        self._thieves.append(self.bob.sessions)
        row = self._record.row("bob", bob="revokes his phone, from the laptop")
        await self.laptop.ask("DELETE", f"/api/auth/devices/{self.bob.device_id}")
        closed = await self.bob.line.ended()
        row.saw["server"] = "sockets, tokens and prekeys of it are ended"
        words = [
            await _word_of(self.bob.ask("GET", "/api/auth/me")),
            await _word_of(self.bob.refresh()),
        ]
        await self.laptop.line.hear("device_revoked")
        seen = (closed, all(words))
        claim = f"cut off at once ({REVOKED}); neither of its tokens is good any more"
        self._record.expect("revocation", seen, (REVOKED, True), claim)
        row, message_id = await self._say(self.alice, "Now to the laptop alone.")
        read = await self._hear(self.laptop, message_id, row)
        got = [one["recipientDeviceId"] for one in _entries(self._sent)]
        self._record.expect(
            "left out",
            (read, got, self._is_open_to_thieves()),
            (True, [self.laptop.device_id], False),
            "the laptop reads on; whoever has the phone gets nothing, and could read nothing",
        )

    async def _renew_tokens(self) -> None:
        used = self.alice.access_token, self.alice.refresh_token
        row = self._record.row("alice", alice="renews her tokens")
        await self.alice.refresh()
        row.saw["server"] = "a refresh token, of which it keeps a hash"
        me = await self.alice.ask("GET", "/api/auth/me")
        is_new = self.alice.access_token != used[0] and self.alice.refresh_token != used[1]
        seen = (is_new, me["userId"])
        claim = "exchanged for new ones, with which Alice goes on"
        self._record.expect("tokens", seen, (True, self.alice.account.user_id), claim)

    # --- one message ---

    async def _say(self, sender: Device, text: str) -> tuple[Row, str]:
        to = self._bobs if sender is self.alice else self.alice.account
        message_id, plaintext = _new_id(), f"{text} {self._canary.text}"
        row = self._record.row(sender.account.name.lower(), to.name.lower())
        row.saw[row.sender] = self._texts[message_id] = plaintext
        self._sent = await sender.written(to.user_id, message_id, plaintext)
        await sender.line.ask("message", self._sent)
        self.control = self._sent["encryptedContent"]
        row.saw["server"] = glimpse(self.control)
        return row, message_id

    async def _hear(self, device: Device, message_id: str, row: Row) -> bool:
        """Whether a device gets a message and reads what was written."""

        def is_it(frame: Frame) -> bool:
            return bool(frame["message"]["messageId"] == message_id)

        frame = await device.line.hear("new_message", is_it)
        row.saw[device.account.name.lower()] = device.open(frame["message"])
        return device.read[message_id] == self._texts[message_id]

    def _is_open_to_thieves(self) -> bool:
        """Whether the last message is, with all that they have taken from Bob's devices."""
        sender = self.alice
        message = {
            **self._sent,
            "senderId": sender.account.user_id,
            "senderDeviceId": sender.device_id,
        }
        return any(_opens(thief, message) for thief in self._thieves)


def _opens(sessions: Sessions, message: dict[str, Any]) -> bool:
    try:
        sessions.decrypt(message)
    except ForgedOrMalformed:
        return False
    return True


async def _word_of(asking: Awaitable[Any]) -> str:
    """The error with which something is refused; empty if it is not."""
    try:
        await asking
    except RefusedError as error:
        return error.word
    return ""


def _entries(sent: dict[str, Any]) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = sent["encryptionMetadata"]["encryptedKeys"]
    return entries


def _new_id() -> str:
    return f"m-{secrets.token_hex(8)}"
