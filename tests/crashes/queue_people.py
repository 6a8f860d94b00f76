"""Who sends events over HTTP, and the devices that hear them over `/ws/{user_id}`."""

import asyncio
import random
from collections import deque
from contextlib import suppress
from typing import Any

import aiohttp
import msgspec

from tests.crashes.queue_ledger import Hearing, Posted, QueueLedger
from tests.crashes.registering import PASSWORD
from tests.crashes.wire import AGAIN_S, Rest

GIVES_UP = 0.1
"""How probable it is that a sender does not send again what had no answer."""

MOST_BEHIND = 50
"""Events for each queue at most that were sent and not heard: then senders wait."""

HANGS_UP = 1 / 400
"""How probable it is after an event that a device loses its connection."""

ACKS = 32
"""Events at most that a device takes before it acknowledges them, in any order."""

AT_ONCE = 0.1
"""How probable it is after an event that it acknowledges what it has."""

TWICE = 0.02
"""How probable it is that an acknowledgement is said twice."""

SIGN_IN_AGAIN = 4401
"""The code with which a connection is closed that needs newer tokens."""

RUN_OUT = ("token_expired", "unauthenticated")
"""Why frames are refused, and what is told unasked, when newer tokens are needed."""


class Told(msgspec.Struct):
    """A frame of the server's."""

    event_id: str = ""
    sequence: int = 0
    event_type: str = ""
    type: str = ""
    ref: int = 0
    code: str = ""


_told = msgspec.json.Decoder(Told).decode


class Account:
    """Somebody, with the tokens of one device."""

    def __init__(self, rest: Rest, name: str, user_id: str, device_id: str) -> None:
        self.rest = rest
        self.user_id = user_id
        self._name = name
        self._device_id = device_id
        self._renewing = asyncio.Lock()
        self.access = self._refresh = ""

    def take(self, tokens: dict[str, Any]) -> None:
        self.access, self._refresh = tokens["accessToken"], tokens["refreshToken"]

    async def renew(self, old: str) -> None:
        """Have newer tokens than these; if the answer to that was lost, by signing in."""
        async with self._renewing:
            if self.access != old:
                return
            body = {"refreshToken": self._refresh}
            answer = await self.rest.call("POST", "/api/auth/refresh", body)
            if answer is None or answer.status != 200:
                answer = await self.rest.call("POST", "/api/auth/login", self._proof)
            if answer and answer.status == 200:
                self.take(answer.data)

    @property
    def _proof(self) -> dict[str, str]:
        return {"username": self._name, "password": PASSWORD, "deviceId": self._device_id}


class Sender:
    """Sends one event after the other."""

    def __init__(
        self, number: int, account: Account, everybody: list[str], ledger: QueueLedger, seed: str
    ) -> None:
        self._number = number
        self._account = account
        self._everybody = everybody
        self._ledger = ledger
        self._chance = random.Random(f"{seed} sender {number}")

    async def run(self, places: int) -> None:
        """Send until so many places of queues have something to tell."""
        ledger = self._ledger
        while ledger.due < places:
            while ledger.due - ledger.heard > MOST_BEHIND * len(ledger.hearings):
                await asyncio.sleep(AGAIN_S)
            count = self._chance.randint(1, min(10, len(self._everybody)))
            await self.post(tuple(self._chance.sample(self._everybody, count)))

    async def post(self, recipients: tuple[str, ...]) -> Posted:
        """Send an event, and again if nobody knows what came of it; mostly."""
        posted = self._ledger.post(self._number, recipients)
        while not posted.is_answered:
            if not await self._posted(posted) and self._chance.random() < GIVES_UP:
                self._ledger.done["events given up"] += 1
                break
        return posted

    async def _posted(self, posted: Posted) -> bool:
        """Whether there was an answer."""
        body = {
            "event_type": "MESSAGE",
            "event_id": posted.event_id,
            "recipient_ids": posted.recipients,
            "metadata": {"chat_id": f"chat-{self._number}"},
            "encrypted_payload": "c2VjcmV0" * 8,
        }
        access = self._account.access
        answer = await self._account.rest.call("POST", "/api/events", body, access)
        if answer is None:
            return False
        if answer.status == 201:
            self._ledger.answer(posted, answer.whole["queue_full"])
        elif answer.status == 401:
            await self._account.renew(access)
        elif answer.problem == "queue_full":
            self._ledger.done["events that found all queues full"] += 1
            await asyncio.sleep(AGAIN_S)
        else:
            self._ledger.faults.append(f"{posted.event_id} was answered by {answer}")
            posted.is_answered, posted.refused = True, posted.recipients
        return True


class Receiver:
    """A device, which is connected again whenever it is not."""

    def __init__(self, account: Account, hearing: Hearing, ledger: QueueLedger, seed: str) -> None:
        self._account = account
        self._hearing = hearing
        self._ledger = ledger
        self._chance = random.Random(f"{seed} {hearing.device_id}")
        self.user_id = account.user_id
        self._unsaid: deque[tuple[int, str]] = deque()
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self.hangs_up = HANGS_UP

    async def run(self) -> None:
        """Be connected, until it is cancelled."""
        while True:
            with suppress(aiohttp.ClientError, ConnectionError, TimeoutError):
                await self._connect()
            self._socket = None
            await self._account.rest.move_on()

    async def _connect(self) -> None:
        rest, access = self._account.rest, self._account.access
        url = f"{rest.url}/ws/{self._account.user_id}"
        headers = {"Authorization": f"Bearer {access}"}
        async with rest.http.ws_connect(url, headers=headers) as socket:
            self._socket = socket
            self._hearing.connect()
            self._unsaid.clear()
            self._ledger.done["connections of devices"] += 1
            async for message in socket:
                told = _told(message.data)
                if told.type == "error" and told.code in RUN_OUT:
                    # What was acknowledged meanwhile comes again on the next connection.
                    await self._account.renew(access)
                    return
                await self._take(told)
                if self._chance.random() < self.hangs_up:
                    self._ledger.done["connections lost by chance"] += 1
                    socket._writer.transport.abort()
                    return
            if socket.close_code == SIGN_IN_AGAIN:
                await self._account.renew(access)

    async def _take(self, told: Told) -> None:
        """Take a frame."""
        if told.type == "ack_ok":
            self._hearing.let_go(told.ref)
        elif told.type == "error" and told.code == "unavailable":
            self._unsaid.append((told.ref, f"event-{self._hearing.numbers[told.ref - 1]}"))
        elif told.event_type != "MESSAGE":
            self._ledger.faults.append(f"{self._hearing.device_id} was told {told}: lost")
        else:
            self._ledger.hear(self._hearing, told.sequence, told.event_id)
            self._unsaid.append((told.sequence, told.event_id))
            if len(self._unsaid) >= ACKS or self._chance.random() < AT_ONCE:
                await self.acknowledge()

    async def acknowledge(self) -> None:
        """Say what has come, in any order."""
        if not self._socket:
            return
        said = list(self._unsaid)
        self._unsaid.clear()
        self._chance.shuffle(said)
        for seq, event_id in said:
            self._hearing.acknowledge(seq)
            frame = {"type": "ACK", "event_id": event_id, "ref": seq}
            for _ in range(1 + (self._chance.random() < TWICE)):
                await self._socket.send_str(msgspec.json.encode(frame).decode())
