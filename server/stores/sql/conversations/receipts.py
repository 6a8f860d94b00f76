"""Steps that note what a device has got, and what its user has read."""

from collections.abc import Iterable
from itertools import groupby

from msgspec import Struct, structs

from server.core.durable import Status
from server.core.ids import MessageId, RoomId, UserId, WorkspaceId
from server.core.ports.conversations import Acknowledged, Device, MessageRef, Receipt
from server.stores.sql.conversations.history import Named, named
from server.stores.sql.conversations.waiting import UNACKNOWLEDGED, first_seq, since_ms
from server.stores.sql.steps import Row, Steps, row, rows, run, run_many, value


class _Reader(Struct, frozen=True):
    """A member, locked, as it acknowledges messages of one room.

    Attributes:
        room_seq: Of the newest message that is looked at: later ones are for the next time.
    """

    room_id: str
    device: Device
    joined_seq: int
    read_seq: int
    room_seq: int


def acknowledge(
    device: Device, refs: tuple[MessageRef, ...], status: Status, now_ms: int
) -> Steps[Acknowledged]:
    ids = sorted({str(ref.message_id) for ref in refs})
    found = yield from named(device.user_id, ids, now_ms)
    meant, unknown = _matched(refs, found)
    receipts: list[Receipt] = []
    # Rooms in their order, so that two who lock several do not wait for each other.
    for room_id, some in groupby(meant, lambda one: one.room_id):
        receipts += yield from _acknowledge_in(room_id, device, list(some), status, now_ms)
    return Acknowledged(receipts=tuple(receipts), unknown=unknown)


def _matched(
    refs: Iterable[MessageRef], found: list[Named]
) -> tuple[list[Named], tuple[MessageId, ...]]:
    """Those that are meant, each once and in the order in which they were found; and the rest."""
    by_id: dict[str, list[Named]] = {}
    for one in found:
        by_id.setdefault(one.message_id, []).append(one)
    meant: set[tuple[str, int]] = set()
    unknown = []
    for ref in refs:
        matching = [one for one in by_id.get(ref.message_id, []) if one.is_meant(ref)]
        if len(matching) == 1:
            meant.add((matching[0].room_id, matching[0].seq))
        else:
            unknown.append(ref.message_id)
    return [one for one in found if (one.room_id, one.seq) in meant], tuple(unknown)


def _acknowledge_in(
    room_id: str, device: Device, some: list[Named], status: Status, now_ms: int
) -> Steps[list[Receipt]]:
    """Acknowledge messages of one room."""
    member = yield from row(
        "SELECT me.joined_seq, me.read_seq, r.seq FROM room_members me "
        "JOIN rooms r ON r.room_id = me.room_id "
        "WHERE me.room_id = $1 AND me.user_id = $2 FOR UPDATE OF me",
        room_id,
        device.user_id,
    )
    if not member:
        return []  # it has left meanwhile
    reader = _Reader(room_id, device, *member)
    there = [one for one in some if not one.is_deleted]
    others = [one for one in there if one.sender != device.user_id]
    receipts = yield from _note(reader, others, status, now_ms)
    if receipts and status is Status.READ:
        position = yield from _move_read_seq(reader, now_ms)
        receipts = [structs.replace(one, position=position) for one in receipts]
    if there:
        yield from _move_cursor(reader, [one.seq for one in there])
    return receipts


def _note(reader: _Reader, some: list[Named], status: Status, now_ms: int) -> Steps[list[Receipt]]:
    """Write receipts of what has come further."""
    # Locked, so that none is deleted before there is a receipt of it: those that were are left out.
    held = yield from rows(
        "SELECT m.seq, c.seq, c.read_ms FROM messages m LEFT JOIN receipts c "
        "ON c.room_id = m.room_id AND c.seq = m.seq AND c.user_id = $2 WHERE m.room_id = $1 "
        "AND m.seq = ANY($3::bigint[]) AND m.deleted_ms IS NULL ORDER BY m.seq FOR SHARE OF m",
        reader.room_id,
        reader.device.user_id,
        [one.seq for one in some],
    )
    is_read = status is Status.READ
    fresh = {seq for seq, has, read_ms in held if has is None or (is_read and read_ms is None)}
    further = [one for one in some if one.seq in fresh]
    yield from run_many(
        "INSERT INTO receipts (room_id, seq, user_id, delivered_ms, read_ms) "
        "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (room_id, seq, user_id) "
        "DO UPDATE SET read_ms = COALESCE(receipts.read_ms, excluded.read_ms)",
        [
            (one.room_id, one.seq, reader.device.user_id, now_ms, now_ms if is_read else None)
            for one in further
        ],
    )
    return [
        Receipt(
            room_id=RoomId(one.room_id),
            seq=one.seq,
            message_id=MessageId(one.message_id),
            sender=UserId(one.sender),
            status=status,
            workspace_id=None if one.of.workspace_id is None else WorkspaceId(one.of.workspace_id),
        )
        for one in further
    ]


def _move_read_seq(reader: _Reader, now_ms: int) -> Steps[int | None]:
    """Up to just before the first message that is not read.

    Returns:
        Where that is; None if it was there before.
    """
    unread = yield from value(
        "SELECT m.seq FROM messages m WHERE m.room_id = $1 AND m.seq > $3 AND m.seq <= $4 "
        "AND m.sender_id <> $2 AND m.deleted_ms IS NULL AND NOT m.withheld "
        "AND NOT EXISTS (SELECT 1 FROM receipts c WHERE c.room_id = $1 AND c.seq = m.seq "
        "AND c.user_id = $2 AND c.read_ms IS NOT NULL) ORDER BY m.seq LIMIT 1",
        reader.room_id,
        reader.device.user_id,
        reader.read_seq,
        reader.room_seq,
    )
    position: int = reader.room_seq if unread is None else unread - 1
    if position <= reader.read_seq:
        return None
    yield from run(
        "UPDATE room_members SET read_seq = $3, read_ms = $4 WHERE room_id = $1 AND user_id = $2",
        reader.room_id,
        reader.device.user_id,
        position,
        now_ms,
    )
    return position


def _move_cursor(reader: _Reader, seqs: list[int]) -> Steps[None]:
    """Up to just before the first message that the device has not acknowledged."""
    of_device = (reader.device.user_id, reader.device.device_id, reader.room_id)
    at, has_acks = yield from _cursor(reader)
    waiting = yield from value(
        "SELECT m.seq FROM messages m WHERE m.room_id = $3 AND m.seq > $4 AND m.seq <= $5 "
        f"AND NOT (m.seq = ANY($6::bigint[])) AND {UNACKNOWLEDGED} ORDER BY m.seq LIMIT 1",
        *of_device,
        at,
        reader.room_seq,
        seqs,
    )
    moved = max(at, reader.room_seq if waiting is None else waiting - 1)
    yield from run_many(
        "INSERT INTO device_acks (user_id, device_id, room_id, seq) "
        "VALUES ($1, $2, $3, $4) ON CONFLICT (user_id, device_id, room_id, seq) DO NOTHING",
        [(*of_device, seq) for seq in seqs if seq > moved],
    )
    if moved > at:
        yield from _set_cursor(of_device, moved, has_acks=has_acks)


def _set_cursor(of_device: tuple[str, str, str], seq: int, *, has_acks: bool) -> Steps[None]:
    if has_acks:
        yield from run(
            "DELETE FROM device_acks "
            "WHERE user_id = $1 AND device_id = $2 AND room_id = $3 AND seq <= $4",
            *of_device,
            seq,
        )
    yield from run(
        "UPDATE device_cursors SET seq = $4 WHERE user_id = $1 AND device_id = $2 AND room_id = $3",
        *of_device,
        seq,
    )


def _cursor(reader: _Reader) -> Steps[tuple[int, bool]]:
    """Up to where a device has acknowledged all, and whether anything after that.

    It is made if it is not there.
    """
    device = reader.device
    found: Row | None = yield from row(
        "SELECT seq, EXISTS (SELECT 1 FROM device_acks a "
        "WHERE a.user_id = $1 AND a.device_id = $2 AND a.room_id = $3) "
        "FROM device_cursors WHERE user_id = $1 AND device_id = $2 AND room_id = $3",
        device.user_id,
        device.device_id,
        reader.room_id,
    )
    if found:
        return max(int(found[0]), reader.joined_seq), bool(found[1])
    begun_ms = yield from since_ms(device)
    at = max((yield from first_seq(reader.room_id, begun_ms)), reader.joined_seq)
    yield from run(
        "INSERT INTO device_cursors (user_id, device_id, room_id, seq) VALUES ($1, $2, $3, $4)",
        device.user_id,
        device.device_id,
        reader.room_id,
        at,
    )
    return at, False
