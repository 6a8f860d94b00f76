"""A device whose user talks, acknowledges, renews tokens and sends prekeys, whatever crashes."""

import random
from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct, field

from tests.crashes.ledger import Known, Ledger, Place, Said
from tests.crashes.registering import PASSWORD, PREKEYS, base64, prekeys
from tests.crashes.wire import Answer, Rest, Socket

GIVES_UP = 0.25
"""How probable it is that a client does not send again what had no answer."""

RECEIPTS = 20
"""Messages at most that are acknowledged together."""

SHOWN = 200
"""Messages of a page."""


class Person(Struct):
    """Somebody with an account."""

    name: str
    user_id: str = ""
    device_ids: list[str] = field(default_factory=list)


class Talk(Struct):
    """A conversation of some people.

    Attributes:
        is_direct: It is that of two, and is named by the other one; else by its id.
    """

    room_id: str
    people: list[Person]
    is_direct: bool


class TalkerError(Exception):
    """A client was answered what it must not be."""


class Talker:
    """One device of somebody.

    Args:
        seed: Of what it does by chance.
    """

    def __init__(
        self, rest: Rest, person: Person, device_id: str, ledger: Ledger, seed: str
    ) -> None:
        self.person = person
        self.device_id = device_id
        self.talks: list[Talk] = []
        self.is_ending = False
        self._rest = rest
        self._ledger = ledger
        self._chance = random.Random(f"{seed} {device_id}")
        self._access = self.refresh = ""
        self._number = 0
        self._connections = 0
        self._own: list[Said] = []
        self._to_acknowledge: dict[str, None] = {}
        self.socket = Socket(rest, lambda: self._access, self._count, self._hear, ledger.done)

    # --- living ---

    async def run(self) -> None:
        """Do one thing after the other until it is to end."""
        deeds: dict[Callable[[], Awaitable[None]], int] = {
            self._send: 60,
            self._acknowledge: 25,
            self._delete: 3,
            self.renew: 4,
            self._fetch_keys: 12,
            self._send_prekeys: 3,
        }
        while not self.is_ending:
            (deed,) = self._chance.choices(list(deeds), list(deeds.values()))
            await deed()

    def take_tokens(self, data: dict[str, Any]) -> None:
        self._access, self.refresh = data["accessToken"], data["refreshToken"]

    async def ask(self, method: str, path: str, body: Any = None) -> Answer | None:
        """Call a route as this device."""
        return await self._rest.call(method, path, body, self._access)

    async def asked(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        """The same, again and again until it is answered.

        Raises:
            TalkerError: It was refused.
        """
        while True:
            answer = await self.ask(method, path, body)
            if answer:
                return self._checked(answer, status, f"{method} {path}")

    def _checked(self, answer: Answer, status: int, what: str) -> dict[str, Any]:
        if answer.status != status:
            raise TalkerError(f"{self.device_id}: {what}: {answer.status} {answer.problem}")
        return answer.data

    # --- messages ---

    async def say_first(self, talk: Talk) -> Said:
        """Send the message that makes a direct conversation; it stands in no room as yet."""
        said = self._new(talk)
        body = self._body(said, talk)
        data = await self.asked("POST", "/api/messages/send", body, 201)
        self._ledger.acknowledge(said, data["createdAt"])
        return said

    async def _send(self) -> None:
        talk = self._chance.choice(self.talks)
        said = self._new(talk)
        body = self._body(said, talk)
        while not await self._delivered(said, body):
            if self._chance.random() < GIVES_UP:
                self._ledger.done["messages given up"] += 1
                return
        self._own.append(said)

    def _new(self, talk: Talk) -> Said:
        self._number += 1
        said = Said(
            message_id=f"{self.device_id}-{self._number}",
            room_id=talk.room_id,
            sender=self.person.user_id,
            content=base64(self._chance.randbytes(self._chance.randint(1, 300))),
        )
        self._ledger.say(said)
        return said

    def _body(self, said: Said, talk: Talk) -> dict[str, Any]:
        others = [one for one in talk.people if one is not self.person]
        to = {"recipientId": others[0].user_id} if talk.is_direct else {"roomId": said.room_id}
        keys = [
            {"recipientId": one.user_id, "recipientDeviceId": device_id, "encryptedKey": "a2V5"}
            for one in talk.people
            for device_id in one.device_ids
        ]
        metadata = {"nonce": "bm9uY2U=", "encryptedKeys": keys}
        content = {"encryptedContent": said.content, "encryptionMetadata": metadata}
        return {"messageId": said.message_id, **to, **content}

    async def _delivered(self, said: Said, body: dict[str, Any]) -> bool:
        """Send it, by one way or the other; whether it was answered."""
        self._ledger.done["messages sent, again included"] += 1
        if self._chance.random() < 0.5:
            answer = await self.ask("POST", "/api/messages/send", body)
            data = answer and self._checked(answer, 201, said.message_id)
        else:
            data = await self._framed("message", body, "message_sent")
        if data:
            self._ledger.acknowledge(said, data["createdAt"])
        return data is not None

    async def _framed(self, kind: str, payload: dict[str, Any], word: str) -> dict[str, Any] | None:
        answer = await self.socket.ask(kind, payload)
        if answer and answer["type"] != word:
            raise TalkerError(f"{self.device_id}: {kind}: {answer}")
        return answer

    async def _delete(self) -> None:
        if not self._own:
            return
        said = self._own.pop(self._chance.randrange(len(self._own)))
        self._ledger.ask_deletion(said, Known.ASKED)
        await self.asked("DELETE", f"/api/messages/{said.message_id}", {})
        self._ledger.ask_deletion(said, Known.DONE)
        self._ledger.done["deletions acknowledged"] += 1

    # --- hearing ---

    def _count(self) -> None:
        self._connections += 1

    def _hear(self, frame: dict[str, Any]) -> None:
        if frame["type"] != "new_message":
            return
        shown = frame["message"]
        place = Place(shown["roomId"], shown["seq"])
        self._ledger.hear(self.device_id, self._connections, place, shown["messageId"])
        if shown["senderDeviceId"] != self.device_id:
            if self._ledger.acks.get((self.device_id, shown["messageId"])) is Known.DONE:
                self._ledger.done["messages heard after they were acknowledged"] += 1
            self._to_acknowledge[shown["messageId"]] = None

    async def _acknowledge(self) -> None:
        heard = list(self._to_acknowledge)
        if not heard:
            return
        some = self._chance.sample(heard, self._chance.randint(1, min(RECEIPTS, len(heard))))
        word = self._chance.choice(["delivered", "read"])
        self._note(some, word, Known.ASKED)
        for one in some:
            del self._to_acknowledge[one]
        if await self._acknowledged(some, word):
            self._note(some, word, Known.DONE)
            self._ledger.done["receipts acknowledged"] += len(some)

    async def _acknowledged(self, some: list[str], word: str) -> bool:
        body = {"messageIds": some}
        if self._chance.random() < 0.5:
            path = "/api/messages/status/bulk"
            answer = await self.ask("POST", path, {**body, "status": word})
            data = answer and self._checked(answer, 200, path)
        else:
            kind = {"delivered": "delivery_receipt", "read": "read_receipt"}[word]
            data = await self._framed(kind, body, f"{kind}_ack")
        if data and data["notFound"]:
            self._ledger.fault(f"{self.device_id} has heard what is not there: {data}")
        return data is not None

    def _note(self, some: list[str], word: str, known: Known) -> None:
        for one in some:
            self._ledger.receipt(self.person.user_id, self.device_id, one, word, known)

    # --- tokens ---

    async def renew(self) -> None:
        """Renew the tokens; sign in anew only if an answer was lost, and had been given."""
        is_in_doubt = False
        body = {"refreshToken": self.refresh}
        while (answer := await self._rest.call("POST", "/api/auth/refresh", body)) is None:
            is_in_doubt = True
        if answer.status == 200:
            self._ledger.done["tokens renewed"] += 1
            self.take_tokens(answer.data)
        elif is_in_doubt and answer.status == 401:
            self._ledger.done["signed in anew, as the answer to a renewal was lost"] += 1
            await self._log_in()
        else:
            self._ledger.fault(f"{self.device_id} was locked out: {answer}")
            await self._log_in()

    async def _log_in(self) -> None:
        body = {"username": self.person.name, "password": PASSWORD, "deviceId": self.device_id}
        data = await self.asked("POST", "/api/auth/login", body)
        if data["requiresKeyRegistration"]:
            self._ledger.fault(f"{self.device_id} is to register its keys again")
        self.take_tokens(data)

    # --- keys ---

    async def _fetch_keys(self) -> None:
        people = {one.name: one for talk in self.talks for one in talk.people}
        whose = self._chance.choice([one for one in people.values() if one is not self.person])
        answer = await self.ask("GET", f"/api/keys/user/{whose.user_id}")
        if answer is None:
            self._ledger.lost_claims.update(whose.device_ids)
            return
        for device in self._checked(answer, 200, "keys")["devices"]:
            if device["oneTimePreKey"]:
                self._ledger.claim(device["deviceId"], device["oneTimePreKey"]["keyId"])

    async def _send_prekeys(self) -> None:
        first = self._ledger.uploaded[self.device_id]
        self._ledger.uploaded[self.device_id] += PREKEYS
        body = {"preKeys": prekeys(range(first, first + PREKEYS))}
        await self.asked("POST", "/api/keys/prekeys", body)
        self._ledger.done["prekeys sent"] += PREKEYS

    # --- the end ---

    async def read_room(self, room_id: str) -> list[dict[str, Any]]:
        """All the messages of a room, oldest first."""
        found: list[dict[str, Any]] = []
        has_more = True
        while has_more:
            after = found[-1]["seq"] if found else 0
            path = f"/api/messages/room/{room_id}?limit={SHOWN}&after={after}"
            page = await self.asked("GET", path)
            found += page["messages"]
            has_more = page["hasMore"]
        return found

    async def read_waiting(self) -> list[str]:
        """The ids of all messages that wait for this device."""
        found: list[str] = []
        after: str | None = ""
        while after is not None:
            cursor = f"&after={after}" if after else ""
            page = await self.asked("GET", f"/api/messages/offline?limit={SHOWN}{cursor}")
            found += [one["messageId"] for one in page["messages"]]
            after = page["next"]
        return found
