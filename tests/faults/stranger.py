"""One user of random groups who goes on talking, and has a checker judge all that it hears."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import jwt

from tests.faults.nodes import SETTINGS
from tests.faults.speaker import AGAIN_S, ANSWER_LIMIT_S, Addresses, LostError, Speaker
from tests.talk.checker import COMING_OR_GOING, Ledger, Record, Witness
from tests.talk.words import Message, NotSentError, record_of, words

_COMING_OR_GOING = ("user_joined", "user_left")
_OF_NO_PLACE = ("system_message", "session-error")

_LEAVE_TRIES = 20

_PAGE = 200
"""Messages of the history that are asked for at a time."""


class Place:
    """A member's place in one group.

    Attributes:
        said: The number of its newest message there that was acknowledged.
        members: Who is there as well, by the newest list that it was told.
        epoch: Of that list.
    """

    def __init__(self, group_id: str, name: str, ledger: Ledger) -> None:
        self.group_id = group_id
        self.ledger = ledger
        self.witness: Witness = ledger.witness(name)
        self.said = 0
        self.members: set[str] = set()
        self.epoch = 0


class Stranger(Speaker):
    """Comes back to its group by its token, and reads in the history what it missed.

    Args:
        ledger_of: Gives the ledger of a group by its id.

    Attributes:
        place: Where it is; None before its first group, and once that one has ended.
    """

    def __init__(
        self,
        addresses: Addresses,
        number: int,
        ledger_of: Callable[[str], Ledger],
        done: Counter[str],
        pace_s: float,
    ) -> None:
        super().__init__(addresses, f"s{number}", number, done, pace_s)
        secret = str(SETTINGS["JWT_SECRET"]).encode()
        token = jwt.encode({"sub": self.name, "login": self.name}, secret, algorithm="HS256")
        self.hello = b"0" + json.dumps({"token": token}).encode()
        self._ledger_of = ledger_of
        self._closed = asyncio.Event()
        self._unread_to: int | None = None  # a place of the group that the history is read up to
        self._read: list[Message] = []
        self._held: list[tuple[int, Record]] = []  # what happened while that was read
        self._told_again = range(0)  # places that two answers tell of, and perhaps events as well
        self._may_be_in = False  # a group of which it knows nothing: its join may have been done
        self.place: Place | None = None

    @property
    def last(self) -> int:
        return self.place.witness.last if self.place else 0

    @property
    def _group_id(self) -> str:
        return self.place.group_id if self.place else ""

    def _fault(self, words: str) -> None:
        self._ledger_of(self._group_id).fault(words)

    # --- coming and going ---

    def _must_enter(self) -> bool:
        return not self.is_there

    async def _enter(self) -> None:
        self._forget_unread()
        self._may_be_in = False
        answer = await self._ask("join_random_group", {"publicKey": f"key of {self.name}"})
        while answer["success"] and not self.is_there:
            before = {"before": self._read[0].id} if self._read else {}
            where = {"groupId": self._group_id, "limit": _PAGE}
            answer = await self._ask("get_group_messages", {**where, **before})
        if not answer["success"]:
            self._count_refusal("joins", answer)
            raise LostError(f"not let in: {answer['error']}")

    async def leave(self) -> None:
        """Leave the group for good, with nothing to say any more."""
        for number in range(_LEAVE_TRIES):
            answer = await self._ask("leave_group", {"groupId": self._group_id})
            # What was `unavailable` before may have been done all the same.
            if answer["success"] or (number and answer["error"] == "not_found"):
                return
            if answer["error"] != "unavailable":
                break
            await asyncio.sleep(random.uniform(*AGAIN_S))
        self._fault(f"{self.name} could not leave: {answer}")

    def _let_go(self) -> None:
        super()._let_go()
        self._forget_unread()

    def _forget_unread(self) -> None:
        self._unread_to, self._read, self._held = None, [], []
        self._told_again = range(0)

    def _came(self, group: dict[str, Any]) -> None:
        """It is told of its group: by the answer, or, on coming back, before that."""
        if self._unread_to is not None and group["id"] == self._group_id:
            self._catch_up(group)
        if self.is_there or self._unread_to is not None:
            return
        if self.place is None or self.place.group_id != group["id"]:
            self._done["groups joined" if self.place is None else "groups gone while away"] += 1
            self.place = Place(group["id"], self.name, self._ledger_of(group["id"]))
            self._sending = None
        else:
            self._done["came back"] += 1
        self._closed.clear()
        self._note_members(group)
        self._forget_unread()
        self._unread_to = group["seq"]

    def _catch_up(self, group: dict[str, Any]) -> None:
        """It is told again of its group, as it is by now: what led there may be told, or not."""
        told_to, self._unread_to = self._unread_to or 0, max(self._unread_to or 0, group["seq"])
        self._told_again = range(told_to + 1, self._unread_to + 1)
        self._held = [one for one in self._held if one[0] not in self._told_again]
        self._note_members(group)

    def _page_read(self, page: dict[str, Any]) -> None:
        """Go on with the history until it is known what was missed."""
        assert self.place
        self._read[:0] = [_message_of(one) for one in page["messages"]]
        if page["hasMore"] and self._read[0].seq > self.last + 1:
            return
        missed = {one.seq: record_of(one) for one in self._read if one.seq > self.last}
        top, self._unread_to = self._unread_to or 0, None
        found = [(seq, missed[seq]) for seq in sorted(missed) if seq <= top]
        for seq in range(self.last + 1, top + 1):
            # All was for everybody, so what is no message is a coming or going.
            self.place.ledger.note(seq, missed.get(seq, Record(COMING_OR_GOING)))
        self.place.witness.join(top, found, is_new=False)
        for seq, record in self._held:
            self.place.witness.hear(seq, record)
        self.is_there = True

    def _note_members(self, told: dict[str, Any]) -> None:
        assert self.place
        if told["epoch"] >= self.place.epoch:  # an answer may be older than what was told
            self.place.epoch = told["epoch"]
            self.place.members = {member["login"] for member in told["members"]}

    def _close(self) -> None:
        self._done["groups closed"] += 1
        self.is_there = False
        self.place = self._sending = self._unread_to = None
        self._closed.set()

    # --- speaking ---

    def _next_number(self) -> int:
        assert self.place
        return self.place.said + 1

    def _message(self, number: int) -> tuple[str, dict[str, Any]]:
        return "send_group_message", {
            "groupId": self._group_id,
            "id": f"{self.name} {number}",
            "encryptedMessage": words(self.name, number),
        }

    async def _refused(self, answer: dict[str, Any]) -> None:
        if answer["error"] == "unavailable":
            return
        group_id = self._group_id
        try:  # it is not in its group any more, and has to be told so
            async with asyncio.timeout(ANSWER_LIMIT_S):
                assert answer["error"] == "not_found", answer
                await self._closed.wait()
        except (AssertionError, TimeoutError):
            self._ledger_of(group_id).fault(f"{self.name} was refused for no reason: {answer}")
            raise LostError("refused for no reason") from None

    # --- hearing ---

    def _take_event(self, event: str, data: Any, *_offset: str) -> None:
        if event == "joined_group":
            self._came(data["group"])
        elif event in _OF_NO_PLACE or (self.place is None and self._may_be_in):
            pass
        elif data["groupId"] != self._group_id:
            raise NotSentError(f"{event} of another group")
        elif event == "new_message":
            message = _message_of(data)
            self._hear_of(message.seq, record_of(message))
        elif event in _COMING_OR_GOING:
            self._done[f"heard {event}"] += 1
            self._hear_of(data["seq"], Record(COMING_OR_GOING))
        elif event == "key_rotation_needed":
            self._note_members(data)
        elif event == "group_closed":
            self._close()
        elif event == "resync":
            self._start_anew()
        else:
            raise NotSentError("an event that was not to come")

    def _hear_of(self, seq: int, record: Record) -> None:
        assert self.place
        if seq in self._told_again:
            self.place.ledger.note(seq, record)
        elif self._unread_to is None:
            self.place.witness.hear(seq, record)
        else:
            self._held.append((seq, record))

    def _answered(self, event: str, answer: dict[str, Any]) -> None:
        if event == "join_random_group":
            self._came(answer["group"])
        elif event == "get_group_messages":
            self._page_read(answer)
        elif event == "send_group_message":
            self._acknowledged(answer)

    def _declined(self, event: str) -> None:
        self._may_be_in = event == "join_random_group"

    def _acknowledged(self, answer: dict[str, Any]) -> None:
        place, number = self.place, self._sending
        if place is None or answer["messageId"] != f"{self.name} {number}":
            raise NotSentError("an answer to another message")
        assert number
        place.witness.repeat(answer["seq"], Record(self.name, number))
        place.ledger.sent(self.name, number)
        place.said, self._sending = number, None
        self.acknowledged += 1
        self._done["acknowledged"] += 1


def _message_of(data: dict[str, Any]) -> Message:
    """What a member is known by is its login."""
    to = data["to"] or "all"
    return Message(data["id"], data["senderLogin"], to, data["encryptedContent"], data["seq"])
