"""Whether a server that has crashed kept its word: what it has now against what it had said."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.crashes.ledger import Hearing, Known, Ledger, Place, Receipts, Said

Shown = Mapping[str, Any]
"""A message as the API shows it."""

_FURTHER = {"sent": 0, "delivered": 1, "read": 2}


def of_room(ledger: Ledger, room_id: str, messages: Sequence[Shown]) -> list[str]:
    """What is wrong with all the messages of a room, oldest first."""
    faults = _out_of_order(room_id, messages)
    ids = Counter(one["messageId"] for one in messages)
    said = {one.message_id: one for one in ledger.said.values() if one.room_id == room_id}
    faults += [f"{one} is doubled" for one, count in ids.items() if count > 1]
    faults += [f"{one} was never sent" for one in ids if one not in said]
    for one in said.values():
        if one.is_acknowledged and one.message_id not in ids:
            faults.append(f"{one.message_id} was acknowledged and is lost")
    for shown in messages:
        if shown["messageId"] in said:
            faults += _changed(said[shown["messageId"]], shown)
    return faults


def _out_of_order(room_id: str, messages: Sequence[Shown]) -> list[str]:
    faults = []
    seqs = [one["seq"] for one in messages]
    if seqs != list(range(1, len(seqs) + 1)):
        faults.append(f"{room_id} has gaps: {len(seqs)} messages up to {max(seqs, default=0)}")
    times = [one["createdAt"] for one in messages]
    if times != sorted(times):
        faults.append(f"in {room_id} times step back")
    by_sender: dict[str, list[int]] = {}
    for one in messages:
        sender, _, number = one["messageId"].rpartition("-")
        by_sender.setdefault(sender, []).append(int(number))
    faults += [
        f"in {room_id} the messages of {sender} are out of order"
        for sender, numbers in by_sender.items()
        if numbers != sorted(numbers)
    ]
    return faults


def _changed(said: Said, shown: Shown) -> list[str]:
    faults = []
    is_deleted = shown["deleted"]
    if is_deleted != (said.deletion is Known.DONE) and said.deletion is not Known.ASKED:
        faults.append(f"{said.message_id} is deleted: {is_deleted}; {said.deletion.name}")
    if shown["encryptedContent"] != (None if is_deleted else said.content):
        faults.append(f"{said.message_id} says something else")
    if shown["senderId"] != said.sender:
        faults.append(f"{said.message_id} is somebody else's")
    if said.is_acknowledged and shown["createdAt"] != said.created_at:
        faults.append(f"{said.message_id} is of another time than was answered")
    return faults


def of_receipts(ledger: Ledger, user_id: str, messages: Iterable[Shown]) -> list[str]:
    """What is wrong with how far messages have come with a user, as that user sees it."""
    faults = []
    for one in messages:
        said = ledger.said.get(one["messageId"])
        if said is None or one["senderId"] == user_id or said.deletion is not Known.UNASKED:
            continue
        receipts = ledger.receipts.get((user_id, one["messageId"]), Receipts())
        least, most = _reach(receipts, Known.DONE), _reach(receipts, Known.ASKED)
        if not least <= _FURTHER[one["deliveryStatus"]] <= most:
            word = one["deliveryStatus"]
            faults.append(f"{one['messageId']} is {word} with {user_id}, who said {receipts}")
    return faults


def _reach(receipts: Receipts, least: Known) -> int:
    if receipts.read >= least:
        return 2
    return 1 if receipts.delivered >= least else 0


def of_waiting(
    ledger: Ledger, device_id: str, waiting: Sequence[str], messages: Iterable[Shown]
) -> list[str]:
    """What is wrong with what waits for a device, by the ids of messages."""
    wanted, allowed = set[str](), set[str]()
    for one in messages:
        said = ledger.said.get(one["messageId"])
        if said is None or one["senderDeviceId"] == device_id or one["deleted"]:
            continue
        acknowledged = ledger.acks.get((device_id, one["messageId"]), Known.UNASKED)
        if acknowledged is not Known.DONE:
            allowed.add(one["messageId"])
        if acknowledged is Known.UNASKED:
            wanted.add(one["messageId"])
    missing, stale = wanted - set(waiting), set(waiting) - allowed
    faults = [f"{one} does not wait for {device_id}" for one in sorted(missing)]
    faults += [f"{one} waits for {device_id} for no reason" for one in sorted(stale)]
    if len(set(waiting)) < len(waiting):
        faults.append(f"something waits twice for {device_id}")
    return faults


def unheard(
    ledger: Ledger, device_id: str, hearing: Hearing, messages: Iterable[Shown]
) -> list[str]:
    """The messages of other devices that one has not heard, and was to hear."""
    return [
        one["messageId"]
        for one in messages
        if one["senderDeviceId"] != device_id
        and Place(one["roomId"], one["seq"]) not in hearing.ids
        and ledger.said[one["messageId"]].deletion is Known.UNASKED
    ]


def of_hearing(device_id: str, hearing: Hearing, messages: Iterable[Shown]) -> list[str]:
    """What is wrong with what a device has heard of others: what it was, and in which order."""
    faults = []
    kept = {Place(one["roomId"], one["seq"]): one for one in messages}
    first: dict[str, list[int]] = {}
    for place, message_id in hearing.ids.items():
        shown = kept.get(place)
        if shown is None or shown["messageId"] != message_id:
            faults.append(f"{device_id} heard {message_id} at {place}, where it is not")
        elif shown["senderDeviceId"] != device_id:
            first.setdefault(place.room_id, []).append(place.seq)
    faults += [
        f"{device_id} first heard what was said in {room_id} out of order"
        for room_id, seqs in first.items()
        if seqs != sorted(seqs)
    ]
    return faults


def of_prekeys(ledger: Ledger, device_id: str, stats: Mapping[str, int]) -> list[str]:
    """What is wrong with the one-time prekeys of a device, and how many are used."""
    claimed = ledger.claimed.get(device_id, Counter())
    faults = [
        f"prekey {key_id} of {device_id} was handed out {count} times"
        for key_id, count in claimed.items()
        if count > 1
    ]
    if stats["total"] != ledger.uploaded[device_id]:
        faults.append(f"{device_id} has sent {ledger.uploaded[device_id]} prekeys: {stats}")
    least = len(claimed)
    most = least + ledger.lost_claims[device_id]
    if not least <= stats["used"] <= most:
        faults.append(f"{device_id} has {stats['used']} prekeys used, not {least} to {most}")
    return faults
