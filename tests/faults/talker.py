"""One member of a session that goes on talking, and has a checker judge all that it hears."""

from collections import Counter
from typing import Any

import msgspec

from server.core.ids import new_secret
from tests.faults.speaker import Addresses, LostError, Speaker
from tests.talk.checker import COMING_OR_GOING, Ledger, Record
from tests.talk.words import Message, NotSentError, record_of, send_request

_COMING_OR_GOING = ("user-joined", "user-left")
_OF_NO_PLACE = ("public-keys-updated", "messages-history", "message-sent", "session-error")


class Talker(Speaker):
    """Comes back to its room with its token, and the newest place that it knows."""

    def __init__(
        self,
        addresses: Addresses,
        room: str,
        number: int,
        ledger: Ledger,
        done: Counter[str],
        pace_s: float,
    ) -> None:
        super().__init__(addresses, f"m{number}", number, done, pace_s)
        self._room = room
        self._ledger = ledger
        self._witness = ledger.witness(self.name)
        self._token = new_secret()
        self._is_stale = False

    @property
    def last(self) -> int:
        return self._witness.last

    def _fault(self, words: str) -> None:
        self._ledger.fault(words)

    # --- coming ---

    def _must_enter(self) -> bool:
        return self._is_stale

    async def _enter(self) -> None:
        self._is_stale = False
        request = {
            "sessionId": self._room,
            "userId": self.name,
            "isCreator": True,
            "newMemberToken": self._token,
        }
        if self._witness.last:
            request["since"] = self._witness.last
        answer = await self._ask("join-session", request)
        if not answer["success"]:
            self._count_refusal("joins", answer)
            raise LostError(f"not let in: {answer['error']}")

    def _joined(self, answer: dict[str, Any]) -> None:
        if answer["memberToken"] != self._token:
            self._fault(f"{self.name} came back, and its token was not taken")
        if answer["truncated"]:
            self._fault(f"{self.name} found the history shortened")
        is_new = not self._witness.last
        self._done["joined" if is_new else "came back"] += 1
        messages = [msgspec.convert(message, Message) for message in answer["messages"]]
        self._witness.join(
            answer["seq"], [(one.seq, record_of(one)) for one in messages], is_new=is_new
        )
        self.is_there = True

    # --- speaking ---

    def _next_number(self) -> int:
        return self.acknowledged + 1

    def _message(self, number: int) -> tuple[str, dict[str, Any]]:
        return "send-message", send_request(self._room, self.name, number)

    async def _refused(self, answer: dict[str, Any]) -> None:
        if answer["error"] == "not_a_member":
            self._is_stale = True
        elif answer["error"] != "unavailable":
            self._fault(f"{self.name} was refused for no reason: {answer}")

    # --- hearing ---

    def _take_event(self, event: str, data: Any, *_offset: str) -> None:
        if event == "new-message":
            message = msgspec.convert(data, Message)
            self._witness.hear(message.seq, record_of(message))
        elif event in _COMING_OR_GOING:
            self._done[f"heard {event}"] += 1
            self._witness.hear(data["seq"], Record(COMING_OR_GOING))
        elif event == "resync":
            self._start_anew()
        elif event not in _OF_NO_PLACE:
            raise NotSentError("an event that was not to come")

    def _answered(self, event: str, answer: dict[str, Any]) -> None:
        if event == "join-session":
            self._joined(answer)
        else:
            self._acknowledged(msgspec.convert(answer, Message))

    def _acknowledged(self, message: Message) -> None:
        record = record_of(message)
        if record != Record(self.name, self._sending or 0):
            raise NotSentError("an answer to another message")
        self._witness.repeat(message.seq, record)
        self.acknowledged = record.number
        self._sending = None
        self._ledger.sent(self.name, record.number)
        self._done["acknowledged"] += 1
