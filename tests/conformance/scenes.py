"""Scenes: what guests of a server do, one after the other, and how it is played."""

import json
from typing import Any

from msgspec import Struct
from socketio import packet

from tests.conformance.frames import HandshakeRefusedError
from tests.conformance.guests import Guest
from tests.conformance.parlour import Stage
from tests.servers import until

UNKNOWN = "/nowhere"
BROADCASTS = ("shout", "call", "announce")


class Say(Struct, frozen=True):
    """An event, by which the parlour is to do something."""

    namespace: str
    event: str
    arguments: list[Any]
    ack_id: int | None

    def packets(self, guest: Guest) -> list[str | bytes]:
        made = packet.Packet(
            packet.EVENT,
            data=[self.event, *self.arguments],
            namespace=self.namespace,
            id=self.ack_id,
        )
        if made.packet_type == packet.BINARY_EVENT and (
            self.namespace not in guest.namespaces
            or (self.event in BROADCASTS and not guest.company_is_alike)
        ):
            return []
        return _in_engine(made)


class Answer(Struct, frozen=True):
    """The answer to the oldest open question."""

    arguments: list[Any]

    def packets(self, guest: Guest) -> list[str | bytes]:
        if not guest.questions:
            return []
        question = guest.questions.popleft()
        if question.namespace not in guest.namespaces:
            return []
        return _in_engine(
            packet.Packet(
                packet.ACK,
                data=self.arguments,
                namespace=question.namespace,
                id=question.number,
            )
        )


class Connect(Struct, frozen=True):
    namespace: str
    auth: dict[str, Any] | None

    def packets(self, guest: Guest) -> list[str | bytes]:
        if self.namespace in guest.namespaces:
            return []
        if self.namespace != UNKNOWN and not (self.auth or {}).get("refuse"):
            guest.namespaces.add(self.namespace)
        text = "" if self.auth is None else json.dumps(self.auth)
        return [f"40{self.namespace},{text}"]


class Disconnect(Struct, frozen=True):
    namespace: str

    def packets(self, guest: Guest) -> list[str | bytes]:
        guest.namespaces.discard(self.namespace)
        return [f"41{self.namespace},"]


Act = Say | Answer | Connect | Disconnect


class Burst(Struct, frozen=True):
    """What one guest sends at once."""

    name: str
    acts: list[Act]

    async def play(self, guest: Guest, stage: Stage) -> None:
        if guest.is_gone or guest.is_probing:
            return
        await guest.sync()  # it knows its namespaces, and all questions
        packets = [one for act in self.acts for one in act.packets(guest)]
        if packets:
            await guest.send(*packets)
            await guest.sync()


class Probe(Struct, frozen=True):
    """The first half of an upgrade; the others may speak before the second."""

    name: str

    async def play(self, guest: Guest, stage: Stage) -> None:
        if guest.is_polling:
            await guest.sync()  # what waits for a poll is of polling
            await guest.probe()


class Move(Struct, frozen=True):
    name: str

    async def play(self, guest: Guest, stage: Stage) -> None:
        if guest.is_probing:
            await guest.move()
            await guest.sync()


class HangUp(Struct, frozen=True):
    name: str
    how: str

    async def play(self, guest: Guest, stage: Stage) -> None:
        if guest.is_gone or guest.is_probing:
            return
        await guest.sync()
        await guest.hang_up(self.how)
        await until(lambda: not stage.book.open[guest.name], 20)


class Come(Struct, frozen=True):
    """Come for the first time, or again."""

    name: str
    transport: str

    async def play(self, guest: Guest, stage: Stage) -> None:
        if guest.is_gone:
            await guest.come(self.transport)


Step = Burst | Probe | Move | HangUp | Come


def _in_engine(made: packet.Packet) -> list[str | bytes]:
    encoded = made.encode()
    text, *attachments = encoded if isinstance(encoded, list) else [encoded]
    return ["4" + text, *attachments]


async def play(scene: list[Step], stage: Stage) -> dict[str, list[str]]:
    """What each guest heard in its order; the last word is the fault that ended the scene."""
    guests = {step.name: Guest(stage.url, step.name) for step in scene}
    for guest in guests.values():
        guest.company = list(guests.values())
    try:
        for step in scene:
            await step.play(guests[step.name], stage)
        for name, guest in guests.items():
            await Move(name).play(guest, stage)
            if not guest.is_gone:
                await guest.sync()
    except (TimeoutError, OSError, EOFError, AssertionError, HandshakeRefusedError) as error:
        guests[step.name].heard.append(f"broke off at {step}: {error!r}")
    heard = {name: guest.heard.copy() for name, guest in guests.items()}
    for guest in guests.values():
        await guest.let_go()
    return heard
